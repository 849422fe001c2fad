/** A few kills from a fixed seed; `npm run test:kill` does fifty. */
import test from 'ava';
import { temporaryFolder } from '../support/fettle.ts';
import { runKills } from '../support/kills/run.ts';

test('a fleet converges after kills, serves whole files, and counts nothing twice', async (t) => {
  t.timeout(15 * 60_000);
  const folder = temporaryFolder(t);
  const report = await runKills({
    seed: 7,
    kills: 4,
    agents: 2,
    folder,
    say: (text) => t.log(text),
  });
  t.deepEqual(report.broken, []);
  t.true(report.filesChecked > 0);
  for (const { device, requests } of report.counted) {
    const count = report.traffic.get(device);
    t.true((count?.right ?? 0) > 0, device);
    t.is(count?.wrong, 0, device);
    // What a killed agent had not written yet is lost; nothing is counted twice.
    t.true(requests > 0 && requests <= (count?.sent ?? 0), device);
  }
});
