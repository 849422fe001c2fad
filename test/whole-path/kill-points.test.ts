/** A few of the points; `npm run test:kill-points` goes through all. */
import test from 'ava';
import { openControllerLane } from '../support/kills/controller-lane.ts';
import { cutPoints } from '../support/kills/cut-points.ts';
import { openLane } from '../support/kills/lane.ts';
import { openUpdateLane } from '../support/kills/update-lane.ts';

test('an update that is cut anywhere converges, and one good variant serves', async (t) => {
  t.timeout(10 * 60_000);
  const report = await cutPoints(t, {
    ...{ seed: 7, sample: 10, skip: 0, parallel: 2 },
    ...{ open: openLane, passings: 1 },
    say: (text) => t.log(text),
  });
  t.deepEqual(report.faults, []);
  t.true(report.places >= 60, `${report.places} places`);
  t.true(report.cut >= 8, `${report.cut} cut; not passed: ${report.missed}`);
});

test('a rollout that is cut anywhere goes on, no step lost or doubled', async (t) => {
  t.timeout(10 * 60_000);
  const report = await cutPoints(t, {
    ...{ seed: 7, sample: 8, skip: 0, parallel: 2 },
    ...{ open: openControllerLane, passings: 6 },
    say: (text) => t.log(text),
  });
  t.deepEqual(report.faults, []);
  t.true(report.places >= 20, `${report.places} places`);
  t.true(report.cut >= 6, `${report.cut} cut; not passed: ${report.missed}`);
});

test('an agent cut anywhere in its own update has one good version in the end', async (t) => {
  t.timeout(10 * 60_000);
  const report = await cutPoints(t, {
    ...{ seed: 7, sample: 4, skip: 0, parallel: 2 },
    ...{ open: openUpdateLane, passings: 2 },
    say: (text) => t.log(text),
  });
  t.deepEqual(report.faults, []);
  t.true(report.places >= 60, `${report.places} places`);
  t.true(report.cut >= 3, `${report.cut} cut; not passed: ${report.missed}`);
});
