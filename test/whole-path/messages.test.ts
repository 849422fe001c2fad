/** What nobody should send, from every side; `npm run test:messages` is the long form. */
import test from 'ava';
import { temporaryFolder } from '../support/fettle.ts';
import { runMessages } from '../support/messages/run.ts';
import { newDatabase, startPostgres } from '../support/postgres.ts';

test('every document is refused or stored, and no other device waits: SQLite', async (t) => {
  t.timeout(300_000);
  const options = { seed: 1, rounds: 1, share: 0.2, folder: temporaryFolder(t), database: null };
  const { faults, sent } = await runMessages(options);
  t.log(`${sent} documents`);
  t.deepEqual(faults, []);
});

test('every document is refused or stored, and no other device waits: PostgreSQL', async (t) => {
  t.timeout(300_000);
  const server = await startPostgres(t);
  if (server === null) return;
  const database = newDatabase(server);
  const options = { seed: 2, rounds: 1, share: 0.2, folder: temporaryFolder(t), database };
  const { faults, sent } = await runMessages(options);
  t.log(`${sent} documents`);
  t.deepEqual(faults, []);
});
