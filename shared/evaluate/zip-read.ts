/**
 * Reads ZIP archives as `.npz` files are: stored and deflated entries, ZIP64 sizes
 * (PKWARE APPNOTE 6.3.10, §4.3 to §4.5). Nothing declared is trusted before it is checked against
 * the file's real size.
 */
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { crc32, createInflateRaw } from 'node:zlib';
import { FettleError, reasonOf } from '../errors.ts';

export interface ZipEntry {
  readonly name: string;
  readonly deflated: boolean;
  readonly compressedBytes: number;
  readonly bytes: number;
  readonly crc: number;
  /** Where the compressed bytes begin in the file. */
  readonly start: number;
}

const signatures = { local: 0x04034b50, central: 0x02014b50, end: 0x06054b50 } as const;
const signatures64 = { end: 0x06064b50, locator: 0x07064b50 } as const;
const endBytes = 22;
const locatorBytes = 20;
const entriesMax = 1024;
const directoryBytesMax = 4 << 20;
/** Deflate reaches at most 1032:1 (zlib technical details, "Maximum Compression Factor"). */
const deflateRatioMax = 1032;

/** The entries of the archive, checked to lie within it. Throws `FILE_MISSING` or `NPZ_INVALID`. */
export async function readZipEntries(path: string): Promise<ZipEntry[]> {
  const file = await openFile(path);
  try {
    const size = (await file.stat()).size;
    const { offset, bytes, count } = await findDirectory(file, size);
    if (count > entriesMax) throw invalid(`${count} entries, at most ${entriesMax} are accepted`);
    if (bytes > directoryBytesMax || offset + bytes > size) throw invalid('a broken directory');
    const directory = await readAt(file, offset, bytes);
    const entries: ZipEntry[] = [];
    for (let at = 0; entries.length < count; ) {
      const { entry, next } = parseEntry(directory, at);
      entries.push(await locate(file, size, entry));
      at = next;
    }
    return entries;
  } catch (thrown) {
    throw npzError(path, thrown);
  } finally {
    await file.close();
  }
}

/**
 * The entry's bytes, inflated; length and checksum are checked at the end. Throws `NPZ_INVALID`.
 */
export async function* readZipEntry(path: string, entry: ZipEntry): AsyncGenerator<Buffer> {
  let bytes = 0;
  let crc = 0;
  try {
    for await (const chunk of openEntry(path, entry)) {
      bytes += chunk.length;
      if (bytes > entry.bytes) throw invalid(`${entry.name} is longer than it says`);
      crc = crc32(chunk, crc);
      yield chunk;
    }
    if (bytes !== entry.bytes) throw invalid(`${entry.name} is shorter than it says`);
    if (crc !== entry.crc) throw invalid(`${entry.name} is damaged: its checksum is wrong`);
  } catch (thrown) {
    throw npzError(path, thrown);
  }
}

function openEntry(path: string, entry: ZipEntry): AsyncIterable<Buffer> {
  if (entry.compressedBytes === 0) return emptyStream();
  const end = entry.start + entry.compressedBytes - 1;
  const source = createReadStream(path, { start: entry.start, end, highWaterMark: 1 << 18 });
  if (!entry.deflated) return source;
  // Errors reach the reader through the inflating stream, and leaving the loop closes both.
  return pipeline(source, createInflateRaw({ chunkSize: 1 << 18 }), () => {});
}

async function* emptyStream(): AsyncGenerator<Buffer> {}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (thrown) {
    const missing = thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT';
    if (missing) throw new FettleError('FILE_MISSING', { path });
    throw new FettleError('FILE_UNREADABLE', { path, reason: reasonOf(thrown) });
  }
}

interface Directory {
  readonly offset: number;
  readonly bytes: number;
  readonly count: number;
}

async function findDirectory(file: FileHandle, size: number): Promise<Directory> {
  const tailBytes = Math.min(size, endBytes + 0xffff + locatorBytes);
  const tail = await readAt(file, size - tailBytes, tailBytes);
  if (tail.subarray(0, 6).toString('latin1') === '\x93NUMPY' && tailBytes === size) {
    throw invalid('it is a single .npy array');
  }
  for (let at = tail.length - endBytes; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== signatures.end) continue;
    if (at + endBytes + tail.readUInt16LE(at + 20) !== tail.length) continue;
    const locator = at - locatorBytes;
    if (locator >= 0 && tail.readUInt32LE(locator) === signatures64.locator) {
      return readDirectory64(file, size, safe(tail.readBigUInt64LE(locator + 8)));
    }
    const count = tail.readUInt16LE(at + 10);
    return { offset: tail.readUInt32LE(at + 16), bytes: tail.readUInt32LE(at + 12), count };
  }
  throw invalid('it is no ZIP archive, or its end is missing');
}

async function readDirectory64(file: FileHandle, size: number, at: number): Promise<Directory> {
  if (at + 56 > size) throw invalid('a broken directory');
  const end = await readAt(file, at, 56);
  if (end.readUInt32LE(0) !== signatures64.end) throw invalid('a broken directory');
  return {
    offset: safe(end.readBigUInt64LE(48)),
    bytes: safe(end.readBigUInt64LE(40)),
    count: safe(end.readBigUInt64LE(32)),
  };
}

/** An entry of the directory; `start` is still that of its local header. */
function parseEntry(directory: Buffer, at: number): { entry: ZipEntry; next: number } {
  if (at + 46 > directory.length || directory.readUInt32LE(at) !== signatures.central) {
    throw invalid('a broken directory');
  }
  const nameEnd = at + 46 + directory.readUInt16LE(at + 28);
  const extraEnd = nameEnd + directory.readUInt16LE(at + 30);
  const next = extraEnd + directory.readUInt16LE(at + 32);
  if (next > directory.length) throw invalid('a broken directory');
  const name = directory.toString('utf8', at + 46, nameEnd);
  if (directory.readUInt16LE(at + 8) & 1) throw invalid(`${name} is encrypted`);
  const method = directory.readUInt16LE(at + 10);
  if (method !== 0 && method !== 8) throw invalid(`${name} is compressed by method ${method}`);
  const declared = {
    bytes: directory.readUInt32LE(at + 24),
    compressedBytes: directory.readUInt32LE(at + 20),
    start: directory.readUInt32LE(at + 42),
  };
  const sizes = withSizes64(declared, directory.subarray(nameEnd, extraEnd));
  const crc = directory.readUInt32LE(at + 16);
  return { entry: { name, deflated: method === 8, crc, ...sizes }, next };
}

interface Sizes {
  readonly bytes: number;
  readonly compressedBytes: number;
  readonly start: number;
}

/** Sizes of all ones stand in the ZIP64 extra field, in this order (APPNOTE §4.5.3). */
function withSizes64(declared: Sizes, extra: Buffer): Sizes {
  const long = extraField(extra, 1);
  let at = 0;
  const read = (value: number): number => {
    if (value !== 0xffffffff || long === null) return value;
    if (at + 8 > long.length) throw invalid('a broken directory');
    at += 8;
    return safe(long.readBigUInt64LE(at - 8));
  };
  const bytes = read(declared.bytes);
  const compressedBytes = read(declared.compressedBytes);
  return { bytes, compressedBytes, start: read(declared.start) };
}

function extraField(extra: Buffer, id: number): Buffer | null {
  for (let at = 0; at + 4 <= extra.length; ) {
    const end = at + 4 + extra.readUInt16LE(at + 2);
    if (extra.readUInt16LE(at) === id) return extra.subarray(at + 4, end);
    at = end;
  }
  return null;
}

async function locate(file: FileHandle, size: number, entry: ZipEntry): Promise<ZipEntry> {
  const { name, start, compressedBytes, bytes, deflated } = entry;
  const outside = () => invalid(`${name} claims ${bytes} bytes that the file does not hold`);
  if (start + 30 > size) throw outside();
  const header = await readAt(file, start, 30);
  if (header.readUInt32LE(0) !== signatures.local) throw invalid(`${name} has no local header`);
  const data = start + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  const most = deflated ? compressedBytes * deflateRatioMax : compressedBytes;
  if (data + compressedBytes > size || bytes > most) throw outside();
  if (!deflated && bytes !== compressedBytes) throw outside();
  return { ...entry, start: data };
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  if (bytesRead !== length) throw invalid('it ends early');
  return buffer;
}

function safe(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid('a size beyond any file');
  return Number(value);
}

/** A fault whose path the caller knows. */
function invalid(reason: string): Error {
  return new Error(reason);
}

/** Whatever was thrown as a typed error about this file. */
export function npzError(path: string, thrown: unknown): FettleError {
  if (thrown instanceof FettleError) return thrown;
  return new FettleError('NPZ_INVALID', { path, reason: reasonOf(thrown) }, { cause: thrown });
}
