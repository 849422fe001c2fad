/**
 * The header of a `.npy` array, format versions 1.0 to 3.0
 * (numpy/lib/format.py, "Format Version 1.0" and following).
 */
import { elementsOf, type StorableType, storage } from './tensor.ts';

export interface NpyHeader {
  readonly type: StorableType;
  readonly shape: readonly number[];
  /** Bytes before the first element. */
  readonly headerBytes: number;
  readonly dataBytes: number;
}

/** A header and its padding are at most so long; numpy itself distrusts more than 10,000. */
export const headerBytesMax = 65_536;
const rankMax = 16;
const magic = Buffer.from('\x93NUMPY', 'latin1');

/** NumPy's type strings, little-endian. */
const descriptions = {
  f2: 'float16',
  f4: 'float',
  f8: 'double',
  i1: 'int8',
  u1: 'uint8',
  b1: 'bool',
  i2: 'int16',
  u2: 'uint16',
  i4: 'int32',
  u4: 'uint32',
  i8: 'int64',
  u8: 'uint64',
} as const satisfies Record<string, StorableType>;

type Description = keyof typeof descriptions;

/** The header at the start of an array, or the reason why it is none. */
export function parseNpyHeader(start: Uint8Array): NpyHeader | { readonly reason: string } {
  const bytes = Buffer.from(start.buffer, start.byteOffset, start.byteLength);
  const preamble = parsePreamble(bytes);
  if ('reason' in preamble) return preamble;
  const { headerBytes, text } = preamble;
  const descr = /'descr'\s*:\s*(?:'([^']*)'|(\[))/.exec(text);
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text);
  const dims = /'shape'\s*:\s*\(([^()]*)\)/.exec(text);
  if (!descr || !order || !dims) return { reason: 'the array header cannot be parsed' };
  if (descr[1] === undefined) return { reason: 'structured arrays are not accepted' };
  const type = typeOf(descr[1]);
  if (typeof type === 'object') return type;
  const shape = shapeOf(dims[1] ?? '');
  if (shape === null) return { reason: `shape (${(dims[1] ?? '').slice(0, 60)}) is not accepted` };
  if (order[1] === 'True' && shape.length > 1) {
    return { reason: 'Fortran order; save it with numpy.ascontiguousarray' };
  }
  const dataBytes = elementsOf(shape) * storage[type].BYTES_PER_ELEMENT;
  if (!Number.isSafeInteger(dataBytes)) return { reason: 'its shape is beyond any memory' };
  return { type, shape, headerBytes, dataBytes };
}

/** The header of an array, padded as numpy does so that elements begin at a multiple of 64. */
export function formatNpyHeader(type: StorableType, shape: readonly number[]): Buffer {
  const entry = Object.entries(descriptions).find(([, name]) => name === type);
  const code = entry?.[0] ?? 'f4';
  const order = storage[type].BYTES_PER_ELEMENT === 1 ? '|' : '<';
  const dims = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${order}${code}', 'fortran_order': False, 'shape': (${dims}), }`;
  const fixed = magic.length + 2 + 2;
  const total = Math.ceil((fixed + text.length + 1) / 64) * 64;
  const header = Buffer.alloc(total, ' ');
  magic.copy(header);
  header.writeUInt8(1, magic.length);
  header.writeUInt8(0, magic.length + 1);
  header.writeUInt16LE(total - fixed, magic.length + 2);
  header.write(text, fixed, 'latin1');
  header.write('\n', total - 1);
  return header;
}

function parsePreamble(bytes: Buffer): { headerBytes: number; text: string } | { reason: string } {
  if (bytes.length < 12 || !bytes.subarray(0, 6).equals(magic)) return { reason: 'no .npy array' };
  const version = bytes.readUInt8(6);
  if (version < 1 || version > 3) return { reason: `.npy version ${version} is not known` };
  const fixed = version === 1 ? 10 : 12;
  const length = version === 1 ? bytes.readUInt16LE(8) : bytes.readUInt32LE(8);
  const headerBytes = fixed + length;
  if (headerBytes > headerBytesMax) return { reason: `an array header of ${length} bytes` };
  if (headerBytes > bytes.length) return { reason: 'the array ends within its header' };
  return { headerBytes, text: bytes.toString('latin1', fixed, headerBytes) };
}

function typeOf(descr: string): StorableType | { reason: string } {
  const code = descr.replace(/^[<|]/, '');
  if (isDescription(code)) return descriptions[code];
  if (descr.startsWith('>')) {
    return { reason: `big-endian type ${descr}; save it with .astype('<${descr.slice(1)}')` };
  }
  if (code.startsWith('O')) return { reason: 'Python objects are not accepted' };
  return { reason: `type ${descr.slice(0, 20)} is not accepted` };
}

function isDescription(code: string): code is Description {
  return Object.hasOwn(descriptions, code);
}

function shapeOf(text: string): number[] | null {
  const parts = text.split(',').map((part) => part.trim());
  if (parts.at(-1) === '') parts.pop();
  if (parts.length > rankMax || !parts.every((part) => /^\d{1,15}L?$/.test(part))) return null;
  return parts.map((part) => Number.parseInt(part, 10));
}
