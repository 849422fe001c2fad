/** A few of the points; `npm run test:kill-points` goes through all. */
import test from 'ava';
import { cutPoints } from '../support/kills/cut-points.ts';

test('an update that is cut anywhere converges, and one good variant serves', async (t) => {
  t.timeout(10 * 60_000);
  const report = await cutPoints(t, {
    ...{ seed: 7, sample: 10, skip: 0, parallel: 2 },
    say: (text) => t.log(text),
  });
  t.deepEqual(report.faults, []);
  t.true(report.places >= 60, `${report.places} places`);
  t.true(report.cut >= 8, `${report.cut} cut; not passed: ${report.missed}`);
});
