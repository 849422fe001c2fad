/** Runs a command of the product as its users do, and reads its JSON. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { productRoot } from '../../shared/product.ts';

const outputBytesMax = 1 << 28;

export async function fettleJson(args: readonly string[], signal: AbortSignal): Promise<unknown> {
  const cli = join(productRoot(), 'cli.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [cli, ...args, '--json'], {
    maxBuffer: outputBytesMax,
    signal,
  });
  return JSON.parse(stdout);
}
