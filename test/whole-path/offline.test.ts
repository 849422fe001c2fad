/** A little of `npm run test:offline`, which takes twenty agents and a day. */
import test from 'ava';
import { temporaryFolder } from '../support/fettle.ts';
import { runOffline } from '../support/offline/run.ts';

test('a fleet without its broker for a simulated day loses and doubles nothing', async (t) => {
  t.timeout(5 * 60_000);
  const report = await runOffline({
    ...{ agents: 3, hours: 24, windowSeconds: 60, seed: 7 },
    folder: temporaryFolder(t),
    say: (text) => t.log(text),
  });
  t.deepEqual(report.differing, []);
  t.like(report, { lost: 0, doubled: 0 });
  t.is(report.stored.windows, 3 * 24 * 60);
});
