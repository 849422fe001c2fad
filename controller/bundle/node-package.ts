/** Node for a device, from the package that its architecture has in npm's registry. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as v from 'valibot';
import { FettleError } from '../../shared/errors.ts';
import { productRoot } from '../../shared/product.ts';
import type { Architecture } from '../../shared/protocol/releases.ts';

const Description = v.object({ devDependencies: v.object({ node: v.string() }) });
const run = promisify(execFile);
const timeoutMs = 5 * 60_000;

/** The version that the product is developed and tested with. */
export function nodeVersion(): string {
  const text = readFileSync(join(productRoot(), 'package.json'), 'utf8');
  return v.parse(Description, JSON.parse(text)).devDependencies.node;
}

/**
 * The folder of the unpacked package, with `bin/node` and `LICENSE`; it is kept for the next time.
 * Throws BUNDLE_IMPOSSIBLE where it cannot be fetched.
 */
export async function nodePackage(arch: Architecture): Promise<string> {
  const name = `node-linux-${arch}@${nodeVersion()}`;
  const kept = join(productRoot(), 'node_modules', '.cache', 'fettle', `${arch}-${nodeVersion()}`);
  const folder = join(kept, 'package');
  if (existsSync(join(folder, 'bin', 'node'))) return folder;
  const arriving = `${kept}.${process.pid}`;
  try {
    await mkdir(arriving, { recursive: true });
    const options = { cwd: arriving, timeout: timeoutMs };
    const packed = (await run('npm', ['pack', name, '--silent'], options)).stdout.trim();
    await run('tar', ['xzf', packed], options);
    await rm(join(arriving, packed));
    await rename(arriving, kept);
    return folder;
  } catch (cause) {
    await rm(arriving, { recursive: true, force: true });
    // Somebody else fetched it at the same time and was first.
    if (existsSync(join(folder, 'bin', 'node'))) return folder;
    const reason = `${name} cannot be fetched: ${cause instanceof Error ? cause.message : cause}`;
    throw new FettleError('BUNDLE_IMPOSSIBLE', { arch, reason });
  }
}
