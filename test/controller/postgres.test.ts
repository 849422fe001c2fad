/** What the controller promises on SQLite it promises on PostgreSQL: the same tests, run on it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import test from 'ava';
import { pino } from 'pino';
import { startController } from '../../controller/main.ts';
import { readSettings } from '../../controller/settings.ts';
import { lockKey } from '../../controller/store/postgres.ts';
import { productRoot } from '../../shared/product.ts';
import { temporaryFolder } from '../support/fettle.ts';
import { newDatabase, startPostgres } from '../support/postgres.ts';

const suites = [
  ...['ingest', 'device-log', 'rollups', 'housekeeping', 'rollouts', 'webhooks'],
  ...['api/people', 'api/server'],
];

const silent = pino({ level: 'silent' });

function settingsOn(folder: string, database: string) {
  return readSettings({ data: folder, database, port: 0, brokerPort: 0 });
}

test('the tests of the controller hold on PostgreSQL', async (t) => {
  t.timeout(600_000);
  const url = await startPostgres(t);
  if (url === null) return;
  const files = suites.map((name) => `test/controller/${name}.test.ts`);
  const ava = join(productRoot(), 'node_modules/.bin/ava');
  const child = spawn(process.execPath, [ava, '--concurrency', '2', ...files], {
    cwd: productRoot(),
    env: { ...process.env, FETTLE_TEST_DATABASE: url, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  }
  await once(child, 'exit');
  t.is(child.exitCode, 0, said.slice(-4000));
  t.regex(said, /\d+ tests passed/);
});

test('a second controller on the same database is refused, the next one is not', async (t) => {
  const url = await startPostgres(t);
  if (url === null) return;
  const database = newDatabase(url);
  const first = await startController(settingsOn(temporaryFolder(t), database), silent);
  const second = startController(settingsOn(temporaryFolder(t), database), silent);
  await t.throwsAsync(second, { code: 'CONFLICT', message: /another controller/ });
  await first.stop();
  const third = await startController(settingsOn(temporaryFolder(t), database), silent);
  await third.stop();
});

test('a session that has still to end is waited for', async (t) => {
  const url = await startPostgres(t);
  if (url === null) return;
  const database = newDatabase(url);
  const lock = `select pg_advisory_lock(${lockKey})`;
  const other = spawn('psql', ['-q', database, '-c', lock, '-c', 'select pg_sleep(2)'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(other.stdout, 'data');
  const starting = startController(settingsOn(temporaryFolder(t), database), silent);
  await t.notThrowsAsync(starting);
  await (await starting).stop();
});

test('a database that is not there is one clear error without the password', async (t) => {
  const url = 'postgres://fettle:secret@127.0.0.1:1/none';
  const starting = startController(settingsOn(temporaryFolder(t), url), silent);
  const error = await t.throwsAsync(starting, { code: 'DATABASE_REFUSED' });
  t.false(error?.message.includes('secret'));
});
