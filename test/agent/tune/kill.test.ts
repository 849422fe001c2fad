import test from 'ava';
import { temporaryFolder } from '../../support/fettle.ts';
import { runTuneKills } from '../../support/tune-kills/run.ts';

test('a tuning that is killed goes on, repeats nothing, and chooses the same', async (t) => {
  t.timeout(180_000);
  const report = await runTuneKills({ seed: 7, kills: 4, folder: temporaryFolder(t) });
  t.is(report.kills, 4);
  t.deepEqual(report.repeated, []);
  t.deepEqual([...new Set(report.choices)], ['int8']);
});
