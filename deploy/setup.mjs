// Installs what a fresh clone lacks, so that `npm start` and `npm test` each work alone.
// Runs on whatever Node the machine has; everything after it runs on the Node in node_modules.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..');
const wanted = readFileSync(join(root, 'package-lock.json'), 'utf8');
const stamp = join(root, 'node_modules', '.fettle-lock');

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) install();

function install() {
  console.error('Installing what is missing (once, about half a minute) …');
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
