/**
 * Unpacks a file that came compressed: never more than was announced, and under its name only when
 * it is whole and has the digest that it should.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { constants, createZstdDecompress } from 'node:zlib';
import { syncFolder, writeError } from '../shared/atomic-file.ts';
import type { Digest } from '../shared/digest.ts';
import { FettleError, reasonOf } from '../shared/errors.ts';
import { windowLog } from '../shared/zstd.ts';
import { fetchLimits } from './fetch.ts';

export interface Unpacking {
  /** A Zstandard file. */
  readonly from: string;
  readonly path: string;
  readonly digest: Digest;
  /** The exact size of what it holds, as declared beforehand. */
  readonly bytes: number;
  readonly signal: AbortSignal;
}

/**
 * Throws `DISK_FULL`, `TOO_LARGE` as soon as it holds more than was declared, `DIGEST_MISMATCH`
 * where it holds something else or cannot be unpacked. Nothing half-written is left behind.
 */
export async function unpackFile(job: Unpacking): Promise<void> {
  const { path, bytes, digest, signal } = job;
  const { bavail, bsize } = await statfs(dirname(path));
  const [free, needed] = [bavail * bsize, bytes + fetchLimits.freeBytesMin];
  if (needed > free) throw new FettleError('DISK_FULL', { path, needed, free });
  const temporary = `${path}.unpacked.part`;
  try {
    const got = await write(job, temporary);
    if (got !== digest) throw mismatch(job, got);
    signal.throwIfAborted();
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } finally {
    await rm(temporary, { force: true });
  }
}

async function write(job: Unpacking, temporary: string): Promise<Digest> {
  const hash = createHash('sha256');
  const file = await open(temporary, 'w', 0o600);
  let written = 0;
  try {
    for await (const chunk of unpacked(job)) {
      job.signal.throwIfAborted();
      written += chunk.length;
      if (written > job.bytes) {
        throw new FettleError('TOO_LARGE', { what: job.from, got: written, limit: job.bytes });
      }
      hash.update(chunk);
      await file.writeFile(chunk).catch((thrown: unknown) => {
        throw writeError(temporary, job.bytes - written, thrown);
      });
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return `sha256:${hash.digest('hex')}`;
}

async function* unpacked(job: Unpacking): AsyncGenerator<Buffer> {
  const params = { [constants.ZSTD_d_windowLogMax]: windowLog };
  const source = createReadStream(job.from);
  const unpack = source.pipe(createZstdDecompress({ params }));
  source.on('error', (error) => unpack.destroy(error));
  try {
    for await (const chunk of unpack) yield chunk;
  } catch (thrown) {
    throw mismatch(job, `what cannot be unpacked (${reasonOf(thrown)})`);
  } finally {
    source.destroy();
    unpack.destroy();
  }
}

function mismatch({ from, digest }: Unpacking, got: string): FettleError {
  return new FettleError('DIGEST_MISMATCH', { what: from, expected: digest, got });
}
