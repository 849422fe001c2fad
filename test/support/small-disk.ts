/**
 * A file system of half a megabyte, in a mount namespace of its own: needs no rights (unshare(1)).
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { productRoot } from '../../shared/product.ts';
import type { Run } from './fettle.ts';
import { programOrSkip } from './programs.ts';

const size = '512k';

/**
 * The program that makes the namespace; null where the system does not allow it: the test is
 * skipped.
 */
export function smallDiskOrSkip(t: ExecutionContext): string | null {
  const program = programOrSkip(t, 'unshare');
  if (program === null) return null;
  const probe = spawnSync(program, ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']);
  if (probe.status === 0) return program;
  t.log('skipped: this system does not allow user namespaces');
  t.pass();
  return null;
}

/**
 * Runs the command with the small disk in place of the folder, then prints how many files it left.
 */
export function inSmallDisk(
  program: string,
  { folder, args }: { folder: string; args: readonly string[] },
): Run {
  const script = `
    mount -t tmpfs -o size=${size} tmpfs "$0" || exit 99
    "$@" > /dev/null
    code=$?
    echo "left: $(find "$0" -type f | wc -l)"
    exit $code`;
  const command = [process.execPath, join(productRoot(), 'cli.ts'), ...args];
  const run = spawnSync(program, ['-rm', 'sh', '-c', script, folder, ...command], {
    encoding: 'utf8',
  });
  return { code: run.status, stdout: run.stdout, stderr: run.stderr };
}
