/** Files that are whole or absent: written to a temporary name, synced, renamed. */
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { FettleError, reasonOf } from './errors.ts';

/**
 * Writes the file so that a crash at any moment leaves the old content or the new. Throws
 * `DISK_FULL` or `FILE_UNREADABLE`.
 */
export async function writeFileAtomic(
  path: string,
  bytes: Uint8Array | string,
  mode = 0o666,
): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${process.pid}.tmp`);
  try {
    await mkdir(folder, { recursive: true });
    const file = await open(temporary, 'w', mode);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(folder);
  } catch (thrown) {
    await rm(temporary, { force: true });
    throw writeError(path, Buffer.byteLength(bytes), thrown);
  }
}

/** Makes a rename durable: on Linux the folder itself must be synced. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A failed write as a typed error. */
export function writeError(path: string, needed: number, thrown: unknown): FettleError {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new FettleError('DISK_FULL', { path, needed, free: 0 }, { cause: thrown });
  }
  return new FettleError('FILE_UNREADABLE', { path, reason: reasonOf(thrown) }, { cause: thrown });
}
