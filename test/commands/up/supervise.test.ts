/** A supervised process comes back when it dies, and ends when asked. */
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { type ChildSpec, supervise } from '../../../commands/up/supervise.ts';
import { temporaryFolder } from '../../support/fettle.ts';
import { until } from '../../support/until.ts';

test('a killed process is started again, a stopped one is not', async (t) => {
  const folder = temporaryFolder(t);
  const logPath = join(folder, 'log');
  const crashes: string[] = [];
  const script = 'console.log("up", process.pid); setInterval(() => {}, 1000)';
  const describe = async (): Promise<ChildSpec> => ({
    name: 'child',
    command: [process.execPath, '-e', script],
    environment: process.env,
    logPath,
  });
  const child = supervise('child', describe, {
    onCrash: ({ how, lastWords }) => crashes.push(`${how} after ${lastWords}`),
  });
  t.teardown(() => child.stop());
  const starts = () =>
    existsSync(logPath) ? (readFileSync(logPath, 'utf8').match(/up/g)?.length ?? 0) : 0;
  await until('the first start', () => starts() === 1);
  const first = child.pid();
  t.not(first, null);
  if (first !== null) process.kill(first, 'SIGKILL');
  await until('the second start', () => starts() === 2);
  t.deepEqual(crashes, [`SIGKILL after up ${first}`]);
  t.not(child.pid(), first);
  await child.stop();
  t.is(starts(), 2);
});

test('a program that does not exist is reported and tried again', async (t) => {
  const crashes: number[] = [];
  const crashed = new EventTarget();
  const logPath = join(temporaryFolder(t), 'log');
  const describe = async (): Promise<ChildSpec> => ({
    name: 'child',
    command: ['no-such-program'],
    environment: process.env,
    logPath,
  });
  const child = supervise('child', describe, {
    onCrash({ how, delayMs }) {
      t.regex(how, /ENOENT/);
      crashes.push(delayMs);
      crashed.dispatchEvent(new Event('crash'));
    },
  });
  t.teardown(() => child.stop());
  await once(crashed, 'crash');
  await once(crashed, 'crash');
  t.is(crashes.length, 2);
});
