// Installs and builds what a fresh clone lacks, so that `npm start` and `npm test` each work
// alone. Runs on whatever Node the machine has; everything after it runs on the Node of
// node_modules, which npm puts first on the path of scripts.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const wanted = readFileSync(join(root, 'package-lock.json'), 'utf8');
const stamp = join(root, 'node_modules', '.fettle-lock');

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) install();
const { buildDashboard } = await import('./dashboard.mjs');
buildDashboard(root);

function install() {
  console.error('Installing what is missing (once, about half a minute) …');
  // `npm ci` refuses a lock file that lacks packages of platforms which were never published.
  const { status, error } = spawnSync(
    'npm',
    ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'],
    {
      cwd: root,
      stdio: ['ignore', 2, 2],
      // The runtime's install script would only download CUDA libraries.
      env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' },
    },
  );
  if (status !== 0) {
    console.error(`npm install failed${error ? `: ${error.message}` : ''}`);
    process.exit(status ?? 1);
  }
  writeFileSync(stamp, wanted);
}
