/**
 * The writing half of the protobuf wire format. A message is described once and run twice: first to
 * learn every length, then into one buffer of exactly that size. So a tensor is copied once, where
 * a writer that joins nested messages copies it at every level.
 */
import { FettleError } from '../errors.ts';

/** A protobuf message, and with it an ONNX file, ends below 2 GiB. */
export const maxModelBytes = 2 ** 31 - 1;

export interface Sink {
  varint(field: number, value: number | bigint): void;
  bytes(field: number, value: Uint8Array): void;
  text(field: number, value: string): void;
  float(field: number, value: number): void;
  /** A field with its tag, as it was read. */
  raw(bytes: Uint8Array): void;
  message(field: number, body: () => void): void;
}

/** Runs `describe` to measure and again to write. Throws `TOO_LARGE`. */
export function encode(what: string, describe: (sink: Sink) => void): Uint8Array<ArrayBuffer> {
  const lengths: number[] = [];
  const total = measure(lengths, describe);
  if (total > maxModelBytes) {
    throw new FettleError('TOO_LARGE', { what, got: total, limit: maxModelBytes });
  }
  const buffer = new Uint8Array(total);
  describe(writingSink(buffer, lengths));
  return buffer;
}

function measure(lengths: number[], describe: (sink: Sink) => void): number {
  let total = 0;
  const delimited = (field: number, length: number) => {
    total += tagSize(field) + varintSize(length) + length;
  };
  describe({
    varint: (field, value) => {
      total += tagSize(field) + varintSize(value);
    },
    bytes: (field, value) => delimited(field, value.byteLength),
    text: (field, value) => delimited(field, Buffer.byteLength(value)),
    float: (field) => {
      total += tagSize(field) + 4;
    },
    raw: (bytes) => {
      total += bytes.byteLength;
    },
    message: (field, body) => {
      const index = lengths.push(0) - 1;
      const before = total;
      body();
      const length = total - before;
      lengths[index] = length;
      total += tagSize(field) + varintSize(length);
    },
  });
  return total;
}

function writingSink(buffer: Uint8Array<ArrayBuffer>, lengths: readonly number[]): Sink {
  const view = new DataView(buffer.buffer);
  const encoder = new TextEncoder();
  let at = 0;
  let nextLength = 0;
  const tag = (field: number, wireType: number) => {
    at = putVarint(buffer, at, field * 8 + wireType);
  };
  const put = (bytes: Uint8Array) => {
    buffer.set(bytes, at);
    at += bytes.byteLength;
  };
  const delimited = (field: number, length: number) => {
    tag(field, 2);
    at = putVarint(buffer, at, length);
  };
  return {
    varint: (field, value) => {
      tag(field, 0);
      at = putVarint(buffer, at, value);
    },
    bytes: (field, value) => {
      delimited(field, value.byteLength);
      put(value);
    },
    text: (field, value) => {
      const bytes = encoder.encode(value);
      delimited(field, bytes.byteLength);
      put(bytes);
    },
    float: (field, value) => {
      tag(field, 5);
      view.setFloat32(at, value, true);
      at += 4;
    },
    raw: put,
    message: (field, body) => {
      delimited(field, lengths[nextLength++] ?? 0);
      body();
    },
  };
}

function tagSize(field: number): number {
  return varintSize(field * 8);
}

function varintSize(value: number | bigint): number {
  if (value < 0) return 10;
  let size = 1;
  if (typeof value === 'bigint') {
    for (let rest = value >> 7n; rest > 0n; rest >>= 7n) size += 1;
  } else {
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size += 1;
  }
  return size;
}

/**
 * Writes a varint, a negative one in two's complement of 64 bits; returns the position behind it.
 */
function putVarint(buffer: Uint8Array, start: number, value: number | bigint): number {
  let at = start;
  if (typeof value === 'bigint' || value < 0) {
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest >= 128n; rest >>= 7n) buffer[at++] = Number(rest & 127n) | 128;
    buffer[at++] = Number(rest);
    return at;
  }
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) buffer[at++] = (rest % 128) | 128;
  buffer[at++] = rest;
  return at;
}
