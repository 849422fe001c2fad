/**
 * By what a machine is known: a key of its own, made before its first request and kept in its data
 * folder, and a few characters that tell it from others with the same host name.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../shared/atomic-file.ts';
import { FettleError, reasonOf } from '../shared/errors.ts';

const keyPattern = /^ftk_[\w-]{43}$/;
const markChars = 6;

/** The key of this data folder; a copy of the folder has the same. Throws `FILE_UNREADABLE`. */
export async function machineKey(dataFolder: string): Promise<string> {
  const path = join(dataFolder, 'machine-key');
  const known = await readOrNull(path);
  if (known !== null && keyPattern.test(known)) return known;
  const made = `ftk_${randomBytes(32).toString('base64url')}`;
  await mkdir(dataFolder, { recursive: true, mode: 0o700 });
  await writeFileAtomic(path, made, 0o600);
  return made;
}

/**
 * The same at every start of a system. machine-id(5) asks that the id itself is told to nobody;
 * a system without one is told apart by its key.
 */
export async function machineMark(key: string): Promise<string> {
  const id = (await readOrNull('/etc/machine-id').catch(() => null)) || key;
  return createHmac('sha256', id).update('fettle').digest('hex').slice(0, markChars);
}

async function readOrNull(path: string): Promise<string | null> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return null;
    throw new FettleError('FILE_UNREADABLE', { path, reason: reasonOf(thrown) });
  }
}
