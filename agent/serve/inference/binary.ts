/** Raw little-endian tensor bytes, as the binary tensor data extension lays them out. */
import { type RuntimeTensor, storage } from '../../../shared/evaluate/tensor.ts';
import { datatypes } from './datatypes.ts';
import type { Wanted } from './json.ts';
import { wrong } from './wrong.ts';

/**
 * A view of the bytes where they lie aligned for their type, else a copy. Throws `BAD_ARGUMENT`.
 */
export function tensorFromBytes(
  { what, datatype, shape, count }: Wanted,
  bytes: Uint8Array<ArrayBuffer>,
): RuntimeTensor {
  const type = datatypes[datatype];
  const array = storage[type];
  const expected = count * array.BYTES_PER_ELEMENT;
  if (bytes.length !== expected) {
    throw wrong(what, `${expected} bytes for shape [${shape}] of ${datatype}`, bytes.length);
  }
  const aligned = bytes.byteOffset % array.BYTES_PER_ELEMENT === 0 ? bytes : bytes.slice();
  return { type, dims: shape, data: new array(aligned.buffer, aligned.byteOffset, count) };
}

/** The bytes of a tensor; of text, each element behind its length in 4 bytes. */
export function bytesOf({ data }: RuntimeTensor): Uint8Array {
  if (!Array.isArray(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.concat(
    data.flatMap((text) => {
      const bytes = Buffer.from(text);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return [length, bytes];
    }),
  );
}

export function textsFromBytes(what: string, bytes: Uint8Array): string[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const texts: string[] = [];
  for (let at = 0; at < buffer.length; ) {
    const length = at + 4 <= buffer.length ? buffer.readUInt32LE(at) : Number.POSITIVE_INFINITY;
    if (at + 4 + length > buffer.length) throw wrong(what, 'each text behind its length', 'less');
    texts.push(buffer.toString('utf8', at + 4, at + 4 + length));
    at += 4 + length;
  }
  return texts;
}
