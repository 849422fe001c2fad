/**
 * The door to the protobuf wire format (protobuf.dev/programming-guides/encoding). Messages are
 * read field by field, with no generated code: a field that the caller declines is handed back as
 * it lies in the file, so that unknown fields survive at no cost, and every payload is a view. The
 * writing half is `sink.ts`.
 */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { FettleError, reasonOf } from '../errors.ts';
import type { Kept } from './graph.ts';

/** What is being read, and how many more messages it may hold. */
export interface Reading {
  readonly path: string;
  messagesLeft: number;
}

export interface Field {
  readonly number: number;
  readonly wireType: WireType;
  /** A varint's value, unsigned; otherwise the payload: 4 or 8 bytes, or what the length says. */
  readonly payload: Uint8Array | bigint;
}

/** A model of two gigabytes holds a few thousand messages; a million is a hostile file. */
const maxMessages = 1_000_000;

export function startReading(path: string): Reading {
  return { path, messagesLeft: maxMessages };
}

export function invalid(reading: { readonly path: string }, reason: string): FettleError {
  return new FettleError('ONNX_INVALID', { path: reading.path, reason });
}

/** Calls `visit` for each field of a message; returns the fields for which it answered false. */
export function readFields(
  reading: Reading,
  message: Uint8Array,
  visit: (field: Field) => boolean,
): Kept | undefined {
  reading.messagesLeft -= 1;
  if (reading.messagesLeft < 0) throw invalid(reading, `more than ${maxMessages} messages`);
  const reader = new BinaryReader(message);
  let kept: Uint8Array[] | undefined;
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const field = nextField(reading, reader);
    if (visit(field)) continue;
    kept ??= [];
    kept.push(message.subarray(start, reader.pos));
  }
  return kept;
}

function nextField(reading: Reading, reader: BinaryReader): Field {
  try {
    const [number, wireType] = reader.tag();
    return { number, wireType, payload: readPayload(reader, wireType) };
  } catch (thrown) {
    const reason = `damaged or cut short at a field (${reasonOf(thrown)})`;
    throw new FettleError('ONNX_INVALID', { path: reading.path, reason }, { cause: thrown });
  }
}

function readPayload(reader: BinaryReader, wireType: WireType): Uint8Array | bigint {
  switch (wireType) {
    case WireType.Varint:
      return BigInt(reader.uint64());
    case WireType.LengthDelimited:
      return reader.bytes();
    case WireType.Bit32:
    case WireType.Bit64:
      return reader.skip(wireType);
    default:
      throw new RangeError(`wire type ${wireType} has no place in ONNX`);
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function bytesOf(reading: Reading, field: Field): Uint8Array {
  if (field.wireType === WireType.LengthDelimited && typeof field.payload === 'object') {
    return field.payload;
  }
  throw invalid(reading, `field ${field.number} is no string of bytes`);
}

export function textOf(reading: Reading, field: Field): string {
  const text = decodeText(bytesOf(reading, field));
  if (text === null) throw invalid(reading, `field ${field.number} is not UTF-8`);
  return text;
}

/** null where the bytes are not UTF-8. */
export function decodeText(bytes: Uint8Array): string | null {
  try {
    return utf8.decode(bytes);
  } catch {
    return null;
  }
}

/** A signed integer: a number where it is exact, otherwise a bigint. */
export function integerOf(reading: Reading, field: Field): number | bigint {
  if (typeof field.payload !== 'bigint') {
    throw invalid(reading, `field ${field.number} is no integer`);
  }
  return signed(field.payload);
}

/** A small integer: an enumeration, a version, a dimension. */
export function numberOf(reading: Reading, field: Field): number {
  const value = integerOf(reading, field);
  if (typeof value === 'number') return value;
  throw invalid(reading, `field ${field.number} is ${value}, out of all bounds`);
}

/** The bytes of one float or of a packed run of them: both are little-endian elements. */
export function elementsOf(reading: Reading, field: Field): Uint8Array {
  if (typeof field.payload === 'object') return field.payload;
  throw invalid(reading, `field ${field.number} is no floating-point number`);
}

/** One integer of a repeated field, or a packed run of them. */
export function integersOf(reading: Reading, field: Field): (number | bigint)[] {
  if (typeof field.payload === 'bigint') return [signed(field.payload)];
  const run = bytesOf(reading, field);
  const reader = new BinaryReader(run);
  const values: (number | bigint)[] = [];
  while (reader.pos < reader.len) {
    values.push(signed(readVarint(reading, reader)));
  }
  return values;
}

function readVarint(reading: Reading, reader: BinaryReader): bigint {
  try {
    return BigInt(reader.uint64());
  } catch (thrown) {
    throw invalid(reading, `a run of integers is damaged (${reasonOf(thrown)})`);
  }
}

function signed(value: bigint): number | bigint {
  const integer = BigInt.asIntN(64, value);
  const number = Number(integer);
  return Number.isSafeInteger(number) ? number : integer;
}
