/** A disk of a few megabytes, to fill it up: a tmpfs, which only root may mount. */
import { execFileSync } from 'node:child_process';
import type { ExecutionContext } from 'ava';
import { temporaryFolder } from './fettle.ts';

/**
 * Its folder. Where it can't be mounted the test says so in one line and passes: return from it.
 */
export function tmpfsOrSkip(t: ExecutionContext, mebibytes: number): string | null {
  const folder = temporaryFolder(t);
  try {
    const options = ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', folder];
    execFileSync('mount', options, { stdio: 'pipe' });
  } catch {
    t.log('skipped: a small disk can only be mounted by root');
    t.pass();
    return null;
  }
  t.teardown(() => execFileSync('umount', ['-l', folder], { stdio: 'pipe' }));
  return folder;
}
