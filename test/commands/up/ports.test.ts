/** Ports are those of the last start, and free ones where others took them. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import test from 'ava';
import { choosePorts, lockFolder } from '../../../commands/up/state.ts';
import { temporaryFolder } from '../../support/fettle.ts';

test('ports are distinct, kept for the next start, and replaced when taken', async (t) => {
  const folder = temporaryFolder(t);
  const first = await choosePorts(folder, ['a', 'b'], { controller: 0, broker: 0, firstAgent: 0 });
  const all = [first.controller, first.broker, ...Object.values(first.agents)];
  t.is(new Set(all).size, 4);
  t.deepEqual(await choosePorts(folder, ['a', 'b']), first);

  const other = createServer().listen(first.broker, '127.0.0.1');
  t.teardown(() => other.close());
  await once(other, 'listening');
  const next = await choosePorts(folder, ['a', 'b']);
  t.not(next.broker, first.broker);
  t.deepEqual(next.agents, first.agents);
});

test('only one runs on a folder', async (t) => {
  const folder = temporaryFolder(t);
  const unlock = await lockFolder(folder);
  await t.throwsAsync(lockFolder(folder), { message: /runs already on .*--data/ });
  unlock();
  const again = await lockFolder(folder);
  again();
});
