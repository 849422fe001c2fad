// Builds the dashboard where its sources changed since it was last built.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const sources = ['controller/dashboard', 'shared'];

/** Leaves a page in `dist/dashboard` and beside it a stamp of what it was built from. */
export function buildDashboard(root) {
  const stamp = join(root, 'dist', '.dashboard-sources');
  const fingerprint = fingerprintOf(root);
  const page = join(root, 'dist', 'dashboard', 'index.html');
  if (existsSync(page) && existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint) return;
  console.error('Building the dashboard …');
  const { status } = spawnSync('npm', ['run', '-s', 'build:dashboard'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) process.exit(status ?? 1);
  writeFileSync(stamp, fingerprint);
}

/** Names, sizes and times of the sources: a few stat calls instead of reading them. */
function fingerprintOf(root) {
  const hash = createHash('sha256');
  for (const source of sources) {
    const paths = readdirSync(join(root, source), { recursive: true, encoding: 'utf8' });
    for (const path of paths.sort()) {
      const { size, mtimeMs } = statSync(join(root, source, path));
      hash.update(`${source}/${path} ${size} ${mtimeMs}\n`);
    }
  }
  return hash.digest('hex');
}
