// `node deploy/build.mjs [FOLDER]` builds `dist/`, or the folder and no dashboard: what is
// published and what runs on devices. Compiled, the agent starts in a fifth of the time and takes
// about 40 MiB less memory than from TypeScript sources.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { buildDashboard } from './dashboard.mjs';

const root = join(import.meta.dirname, '..');
const dist = resolve(process.argv[2] ?? join(root, 'dist'));
const parts = ['agent', 'commands', 'controller', 'shared'];

for (const part of [...parts, 'cli.js']) rmSync(join(dist, part), { recursive: true, force: true });
compile();
copyAssets();
chmodSync(join(dist, 'cli.js'), 0o755);
if (process.argv[2] === undefined) buildDashboard(root);

function compile() {
  const compiler = join(root, 'node_modules', '.bin', 'tsc');
  const { status } = spawnSync(compiler, ['-p', 'tsconfig.build.json', '--outDir', dist], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) process.exit(status ?? 1);
}

/**
 * What the sources read beside them and the compiler does not emit: generated code, probe models.
 */
function copyAssets() {
  for (const part of parts) {
    for (const path of readdirSync(join(root, part), { recursive: true, encoding: 'utf8' })) {
      if (path.startsWith('dashboard') || !/\.(js|onnx|npz|json|sql)$/.test(path)) continue;
      const target = join(dist, part, path);
      mkdirSync(dirname(target), { recursive: true });
      cpSync(join(root, part, path), target);
    }
  }
}
