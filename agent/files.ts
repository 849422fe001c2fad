/** Variant and golden files by digest: whole and verified, or absent. */
import { mkdirSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Digest, digestOfFile, isDigest } from '../shared/digest.ts';

export interface Files {
  readonly folder: string;
  pathOf(digest: Digest): string;
  /** The digest that a path of this folder names; null for any other path. */
  digestOfPath(path: string | null): Digest | null;
  /** Where a download of it grows. */
  partPathOf(digest: Digest): string;
  /**
   * Whether the file is there with the right bytes. Hashed once a process, then remembered by size
   * and time.
   */
  has(digest: Digest): Promise<boolean>;
  /** Removes every file but these, parts of downloads included. Returns how many went. */
  keepOnly(digests: ReadonlySet<string>): Promise<number>;
}

const nameOf = (digest: Digest) => digest.replace(':', '-');
const digestNamed = (name: string) => name.replace('-', ':');
const partSuffix = '.part';

export function openFiles(dataFolder: string): Files {
  const folder = join(dataFolder, 'files');
  mkdirSync(folder, { recursive: true });
  const verified = new Map<Digest, string>();
  const pathOf = (digest: Digest) => join(folder, nameOf(digest));
  return {
    folder,
    pathOf,
    digestOfPath(path) {
      const digest = path === null ? '' : digestNamed(basename(path));
      return isDigest(digest) && path === pathOf(digest) ? digest : null;
    },
    partPathOf: (digest) => pathOf(digest) + partSuffix,
    async has(digest) {
      const path = pathOf(digest);
      const found = await stat(path).catch(() => null);
      if (!found?.isFile()) return false;
      const mark = `${found.size} ${found.mtimeMs} ${found.ino}`;
      if (verified.get(digest) === mark) return true;
      if ((await digestOfFile(path)) !== digest) {
        await rm(path, { force: true });
        return false;
      }
      verified.set(digest, mark);
      return true;
    },
    async keepOnly(digests) {
      const names = await readdir(folder);
      const doomed = names.filter((name) => {
        const digest = digestNamed(name.replace(partSuffix, ''));
        return !isDigest(digest) || !digests.has(digest);
      });
      await Promise.all(doomed.map((name) => rm(join(folder, name), { force: true })));
      return doomed.length;
    },
  };
}
