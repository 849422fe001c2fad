/** A PostgreSQL server of Debian's package, for one test: on a port and in a folder of its own. */
import { execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './fettle.ts';
import type { Owner } from './owner.ts';
import { unusedPort } from './ports.ts';
import { until } from './until.ts';

const versions = '/usr/lib/postgresql';
let made = 0;

/** A test, or a script that says as much. */
interface Asking extends Owner {
  pass(): unknown;
  fail(reason: string): unknown;
  log(text: string): void;
}

/** Address of a database in which others can be made; null where the package is absent. */
export async function startPostgres(t: Asking): Promise<string | null> {
  const bin = existsSync(versions) ? readdirSync(versions).sort().at(-1) : undefined;
  if (bin === undefined || !existsSync(join(versions, bin, 'bin/postgres'))) {
    if (process.env.FETTLE_TEST_ALL)
      t.fail('postgresql is not installed, and FETTLE_TEST_ALL is set');
    else t.pass();
    t.log('skipped: postgresql is not installed');
    return null;
  }
  const program = (name: string) => join(versions, bin, 'bin', name);
  const folder = join(temporaryFolder(t), 'cluster');
  mkdirSync(folder, { mode: 0o700 });
  const identity = unprivileged(folder);
  const options = { cwd: '/', ...identity };
  const init = ['-D', folder, '-U', 'fettle', '-A', 'trust', '-E', 'UTF8', '--no-sync'];
  execFileSync(program('initdb'), init, { ...options, stdio: 'pipe' });
  const port = await unusedPort();
  const settings = ['-k', folder, '-p', String(port), '-h', '127.0.0.1'];
  const server = spawn(program('postgres'), ['-D', folder, ...settings], {
    ...options,
    stdio: 'ignore',
  });
  t.teardown(() => server.kill('SIGQUIT'));
  const url = `postgres://fettle@127.0.0.1:${port}/postgres`;
  await until('postgres answers', () => succeeds(() => runSql(url, 'select 1')));
  return url;
}

/** A new, empty database beside the one of the address. */
export function newDatabase(url: string): string {
  made += 1;
  const name = `test_${process.pid}_${made}`;
  runSql(url, `create database ${name}`);
  const address = new URL(url);
  address.pathname = name;
  return address.href;
}

export function runSql(url: string, sql: string): void {
  execFileSync('psql', ['-v', 'ON_ERROR_STOP=1', '-q', url, '-c', sql], { stdio: 'pipe' });
}

/** The server refuses to run as root: it runs as Debian's `postgres` then. */
function unprivileged(folder: string): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  const identity = { uid: id('-u'), gid: id('-g') };
  for (const path of [folder, join(folder, '..')]) chownSync(path, identity.uid, identity.gid);
  return identity;
}

function succeeds(work: () => void): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}
