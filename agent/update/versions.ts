/**
 * The versions of the agent on this device, as the launcher (`deploy/device/launch.sh`) knows them:
 * a folder each, a link to the one that has proven itself, and a file that puts another on trial.
 */
import { readFileSync } from 'node:fs';
import { readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder, writeFileAtomic } from '../../shared/atomic-file.ts';
import { type Digest, isDigest } from '../../shared/digest.ts';

export interface Versions {
  readonly folder: string;
  /** The name of the version that this process is. */
  readonly own: string;
  /** Its bundle. */
  readonly digest: Digest | null;
  /** This process has to prove itself. */
  onTrial(): boolean;
  has(name: string): Promise<boolean>;
  /** The next start is this version's, which has so long to prove itself. */
  startTrial(name: string, seconds: number): Promise<void>;
  /** This version has proven itself: from now on it is the current one. */
  endTrial(): Promise<void>;
  /** The version that the launcher put aside, and why; said once. */
  takeRefusal(): Promise<{ readonly name: string; readonly reason: string } | null>;
  /** Removes every version but these, and what was left of downloads. */
  keepOnly(names: readonly string[]): Promise<void>;
}

/** Beside the files of a version: the digest of the bundle that they came in. */
export const digestFile = 'bundle.digest';

/** What the launcher has told this process; null where none has started it. */
export function openVersions(env: NodeJS.ProcessEnv): Versions | null {
  const { FETTLE_VERSIONS: folder, FETTLE_VERSION: own, FETTLE_TRIAL } = env;
  if (!folder || !own) return null;
  let onTrial = FETTLE_TRIAL === 'yes';
  const trial = join(folder, 'trial');
  return {
    folder,
    own,
    digest: digestIn(join(folder, own)),
    onTrial: () => onTrial,
    async has(name) {
      return (await readFile(join(folder, name, digestFile)).catch(() => null)) !== null;
    },
    startTrial: (name, seconds) => writeFileAtomic(trial, `${name} ${Math.ceil(seconds)} 0\n`),
    async endTrial() {
      await pointTo(folder, own);
      await rm(trial, { force: true });
      await syncFolder(folder);
      onTrial = false;
    },
    async takeRefusal() {
      const path = join(folder, 'refused');
      const text = await readFile(path, 'utf8').catch(() => null);
      if (text === null) return null;
      // Kept under another name, for the install command that may be waiting for it.
      await rename(path, join(folder, 'refused.told'));
      const [name = '', ...reason] = text.trim().split(' ');
      return { name, reason: reason.join(' ') };
    },
    async keepOnly(names) {
      const kept = new Set(['current', 'trial', 'refused', 'refused.told', ...names]);
      const doomed = (await readdir(folder)).filter((name) => !kept.has(name));
      for (const name of doomed) await rm(join(folder, name), { recursive: true, force: true });
    },
  };
}

/** A folder's name for a bundle: `0.2.0-3fa2b1c4d5e6`. */
export function versionName(version: string, digest: Digest): string {
  return `${version.replace(/[^\w.+-]/g, '-')}-${digest.slice(7, 19)}`;
}

/** A link cannot be written anew in one step; another one can be renamed over it. */
async function pointTo(folder: string, name: string): Promise<void> {
  const arriving = join(folder, '.current.new');
  await rm(arriving, { force: true });
  await symlink(name, arriving);
  await rename(arriving, join(folder, 'current'));
  await syncFolder(folder);
}

function digestIn(folder: string): Digest | null {
  try {
    const text = readFileSync(join(folder, digestFile), 'utf8').trim();
    return isDigest(text) ? text : null;
  } catch {
    return null;
  }
}
