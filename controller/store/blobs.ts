/** Files by their digest: whole and verified, or absent. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { syncFolder, writeError } from '../../shared/atomic-file.ts';
import { type Digest, digestOfFile, isDigest } from '../../shared/digest.ts';
import { FettleError } from '../../shared/errors.ts';

export interface Blobs {
  /**
   * Where the file of this digest lies, there or not. Throws `BAD_ARGUMENT` for what is no digest.
   */
  pathOf(digest: string): string;
  /** Its size in bytes, or null where it isn't there. */
  sizeOf(digest: string): Promise<number | null>;
  /**
   * Stores a stream whose digest the sender has named; a second time is a no-op that still reads
   * the stream. Throws `TOO_LARGE`, `DIGEST_MISMATCH`, `DISK_FULL`; nothing is then left behind.
   */
  put(upload: Upload): Promise<number>;
  /**
   * Takes over a finished file of this machine (moved, not copied) and returns its digest and size.
   */
  adopt(path: string): Promise<{ digest: Digest; bytes: number }>;
  read(digest: string, range?: { start: number; end: number }): Readable;
  /** A folder on the same file system for work in progress; emptied at every start. */
  readonly scratch: string;
}

interface Upload {
  readonly digest: string;
  readonly stream: Readable;
  /** What the sender says it will send; null where it says nothing. */
  readonly length: number | null;
}

/** Room that an upload leaves for the database and its log. */
const reserveBytes = 64 << 20;

export async function openBlobs(folder: string, bytesMax: number): Promise<Blobs> {
  const scratch = join(folder, 'scratch');
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true });
  let uploads = 0;
  const pathOf = (digest: string) => join(folder, ...partsOf(digest));
  const sizeOf = async (digest: string) => {
    const found = await stat(pathOf(digest)).catch(() => null);
    return found?.isFile() ? found.size : null;
  };
  return {
    scratch,
    pathOf,
    sizeOf,
    read: (digest, range) => createReadStream(pathOf(digest), range),
    async put({ digest, stream, length }) {
      const target = pathOf(digest);
      await checkRoom({ folder, length, bytesMax });
      uploads += 1;
      const temporary = join(scratch, `upload-${uploads}`);
      try {
        const written = await writeStream(temporary, stream, bytesMax);
        if (length !== null && written.bytes !== length) {
          const expected = `${length} bytes`;
          throw mismatch(digest, expected, `${written.bytes} bytes`);
        }
        if (written.digest !== digest) throw mismatch(digest, digest, written.digest);
        await place(temporary, target);
        return written.bytes;
      } finally {
        await rm(temporary, { force: true });
      }
    },
    async adopt(path) {
      const digest = await digestOfFile(path);
      const { size } = await stat(path);
      const file = await open(path, 'r');
      await file.sync().finally(() => file.close());
      await place(path, pathOf(digest));
      return { digest, bytes: size };
    },
  };
}

/** Every digest stored, for collecting those that nothing names. */
export async function listBlobs(folder: string): Promise<Digest[]> {
  const found: Digest[] = [];
  for (const part of await readdir(join(folder, 'sha256')).catch(() => [])) {
    for (const name of await readdir(join(folder, 'sha256', part))) {
      const digest = `sha256:${name}`;
      if (isDigest(digest)) found.push(digest);
    }
  }
  return found;
}

function partsOf(digest: string): string[] {
  if (!isDigest(digest)) {
    const expected = 'sha256: and 64 hexadecimal digits';
    throw new FettleError('BAD_ARGUMENT', { what: 'digest', expected, got: digest.slice(0, 80) });
  }
  const hex = digest.slice('sha256:'.length);
  return ['sha256', hex.slice(0, 2), hex];
}

/** Refuses before the first byte what is too large or will not fit. */
async function checkRoom(claim: {
  folder: string;
  length: number | null;
  bytesMax: number;
}): Promise<void> {
  const { folder, length, bytesMax } = claim;
  if (length === null) return;
  if (length > bytesMax) throw tooLarge(length, bytesMax);
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const needed = length + reserveBytes;
  if (needed > free) throw new FettleError('DISK_FULL', { path: folder, needed, free });
}

async function writeStream(
  path: string,
  stream: Readable,
  bytesMax: number,
): Promise<{ digest: Digest; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  const file = await open(path, 'wx');
  try {
    for await (const chunk of stream) {
      bytes += chunk.length;
      if (bytes > bytesMax) throw tooLarge(bytes, bytesMax);
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    await file.sync();
  } catch (thrown) {
    throw thrown instanceof FettleError ? thrown : writeError(path, bytes, thrown);
  } finally {
    await file.close();
  }
  return { digest: `sha256:${hash.digest('hex')}`, bytes };
}

async function place(temporary: string, target: string): Promise<void> {
  const folder = join(target, '..');
  await mkdir(folder, { recursive: true });
  await rename(temporary, target);
  await syncFolder(folder);
}

function tooLarge(got: number, limit: number): FettleError {
  return new FettleError('TOO_LARGE', { what: 'file', got, limit });
}

function mismatch(digest: string, expected: string, got: string): FettleError {
  return new FettleError('DIGEST_MISMATCH', { what: `upload of ${digest}`, expected, got });
}
