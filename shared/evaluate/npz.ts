/**
 * NumPy's `.npz`: several arrays in one file. Read in bounded memory, written with the same bytes
 * every time.
 */
import { writeFileAtomic } from '../atomic-file.ts';
import { FettleError } from '../errors.ts';
import { formatNpyHeader, headerBytesMax, type NpyHeader, parseNpyHeader } from './npy.ts';
import { allocate, elementsOf, type StorableType, storage, type TensorData } from './tensor.ts';
import { npzError, readZipEntries, readZipEntry, type ZipEntry } from './zip-read.ts';
import { formatZip } from './zip-write.ts';

export interface NpyArray {
  readonly type: StorableType;
  readonly shape: readonly number[];
  readonly data: Exclude<TensorData, string[]>;
}

export interface NpzArray extends NpyHeader {
  readonly name: string;
  readonly entry: ZipEntry;
}

export interface Npz {
  readonly path: string;
  readonly arrays: ReadonlyMap<string, NpzArray>;
}

/** Bytes of all arrays of a file together, inflated. */
export const npzBytesMax = 4 * 2 ** 30;
const nameLengthMax = 256;

/**
 * Names, types and shapes of the arrays, each checked against the bytes that are really there.
 * Throws `FILE_MISSING`, `NPZ_INVALID` or, beyond `maxBytes` (inflated), `TOO_LARGE`.
 */
export async function openNpz(path: string, { maxBytes = npzBytesMax } = {}): Promise<Npz> {
  const arrays = new Map<string, NpzArray>();
  const entries = await readZipEntries(path);
  const total = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  if (total > maxBytes)
    throw new FettleError('TOO_LARGE', { what: path, got: total, limit: maxBytes });
  for (const entry of entries) {
    const array = await openArray(path, entry);
    if (arrays.has(array.name)) throw npzError(path, `array ${array.name} is there twice`);
    arrays.set(array.name, array);
  }
  return { path, arrays };
}

/** One whole array. Throws `NPZ_INVALID` where it is damaged or not there. */
export async function readArray(npz: Npz, name: string): Promise<NpyArray> {
  const { shape, type } = requireArray(npz, name);
  for await (const rows of readRows(npz, name, Math.max(1, shape[0] ?? 1))) {
    return { type, shape, data: rows.data };
  }
  return { type, shape, data: allocate(type, 0) };
}

/**
 * The array in pieces of `count` steps of its leading axis (the last piece may be shorter), each in
 * memory of its own. A scalar is one piece. Throws `NPZ_INVALID` where the file is damaged.
 */
export async function* readRows(npz: Npz, name: string, count: number): AsyncGenerator<NpyArray> {
  const { entry, headerBytes, dataBytes, shape, type } = requireArray(npz, name);
  const [rows = 1, ...rest] = shape;
  const rowBytes = elementsOf(rest) * storage[type].BYTES_PER_ELEMENT;
  let skip = headerBytes;
  let left = dataBytes;
  let piece = new Uint8Array(Math.min(left, rowBytes * count));
  let filled = 0;
  const finish = (): NpyArray => {
    const data = new storage[type](piece.buffer);
    const done = rowBytes === 0 ? rows : piece.length / rowBytes;
    return { type, shape: shape.length === 0 ? [] : [done, ...rest], data };
  };
  for await (const chunk of readZipEntry(npz.path, entry)) {
    const dropped = Math.min(skip, chunk.length);
    skip -= dropped;
    for (let at = dropped; at < chunk.length; ) {
      const take = Math.min(chunk.length - at, piece.length - filled);
      piece.set(chunk.subarray(at, at + take), filled);
      at += take;
      filled += take;
      if (filled < piece.length) continue;
      left -= filled;
      // The last piece waits for the checksum, which comes with the end of the entry.
      if (left === 0) break;
      yield finish();
      piece = new Uint8Array(Math.min(left, rowBytes * count));
      filled = 0;
    }
  }
  if (dataBytes > 0) yield finish();
}

/**
 * Writes the arrays in the order given: equal arrays give equal bytes. `compress` makes the file
 * smaller, and its bytes depend on the zlib that wrote it. Throws `TOO_LARGE` beyond 1 GiB.
 */
export async function writeNpz(
  path: string,
  arrays: Readonly<Record<string, NpyArray>>,
  { compress = false } = {},
): Promise<void> {
  const limit = 2 ** 30;
  const total = Object.values(arrays).reduce((sum, { data }) => sum + data.byteLength, 0);
  if (total > limit) throw new FettleError('TOO_LARGE', { what: path, got: total, limit });
  const contents = Object.entries(arrays).map(([name, array]) => ({
    name: `${name}.npy`,
    bytes: formatNpy(array),
  }));
  await writeFileAtomic(path, formatZip(contents, compress));
}

function formatNpy({ type, shape, data }: NpyArray): Buffer {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.concat([formatNpyHeader(type, shape), bytes]);
}

async function openArray(path: string, entry: ZipEntry): Promise<NpzArray> {
  const name = entry.name.replace(/\.npy$/, '');
  if (!entry.name.endsWith('.npy') || name.length > nameLengthMax) {
    throw npzError(path, `entry ${entry.name.slice(0, 80)} is no .npy array`);
  }
  const header = parseNpyHeader(await readStart(path, entry));
  if ('reason' in header) throw npzError(path, `array ${name}: ${header.reason}`);
  if (header.headerBytes + header.dataBytes !== entry.bytes) {
    const held = entry.bytes - header.headerBytes;
    throw npzError(path, `array ${name} claims ${header.dataBytes} bytes and holds ${held}`);
  }
  return { name, entry, ...header };
}

async function readStart(path: string, entry: ZipEntry): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of readZipEntry(path, entry)) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= headerBytesMax) break;
  }
  return Buffer.concat(chunks);
}

function requireArray(npz: Npz, name: string): NpzArray {
  const array = npz.arrays.get(name);
  if (!array) throw npzError(npz.path, `no array ${name}; it holds ${[...npz.arrays.keys()]}`);
  return array;
}
