/** `dist/`, as devices get it. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { productRoot } from '../../shared/product.ts';

/** Throws where it cannot be built. */
export function buildDist({ dashboard }: { readonly dashboard: boolean }): void {
  const root = productRoot();
  const script = join(root, 'deploy', 'build.mjs');
  const args = dashboard ? [script] : [script, join(root, 'dist')];
  const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error('dist/ could not be built');
}
