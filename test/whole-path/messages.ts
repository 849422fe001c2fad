/**
 * `npm run test:messages -- --seed 1 --rounds 20`: the long form of messages.test.ts, on SQLite and
 * on PostgreSQL, with a table of what was sent and what became of it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runMessages } from '../support/messages/run.ts';
import { printOutcomes } from '../support/messages/table.ts';
import { createScript } from '../support/owner.ts';
import { newDatabase, startPostgres } from '../support/postgres.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '10' },
  },
});
const script = createScript();
const server = await startPostgres({
  teardown: script.teardown,
  log: console.log,
  pass: () => {},
  fail(reason) {
    throw new Error(reason);
  },
});
let wrong = 0;
for (const [name, database] of [
  ['SQLite', null],
  ['PostgreSQL', server],
] as const) {
  if (name === 'PostgreSQL' && database === null) continue;
  const folder = mkdtempSync(join(tmpdir(), 'fettle-messages-'));
  const startedMs = performance.now();
  const report = await runMessages({
    ...{ seed: Number(values.seed), rounds: Number(values.rounds), share: 1, folder },
    database: database === null ? null : newDatabase(database),
  });
  rmSync(folder, { recursive: true, force: true });
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
  printOutcomes(report.outcomes, console.log);
  for (const fault of report.faults.slice(0, 20)) console.log(fault);
  const { sent, faults } = report;
  console.log(`${name}: ${sent} documents in ${seconds} s, ${faults.length} faults\n`);
  wrong += faults.length;
}
await script.end();
process.exit(wrong > 0 ? 1 : 0);
