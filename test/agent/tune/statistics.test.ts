import test from 'ava';
import { medianInterval, relativeSpread } from '../../../agent/tune/statistics.ts';
import { seeded } from '../../support/trials/figures.ts';

test('the interval holds the true median about as often as it says', (t) => {
  const random = seeded(3);
  const rounds = 2000;
  let held = 0;
  for (let round = 0; round < rounds; round++) {
    // Skewed as timings are: the true median is −ln ½.
    const values = Array.from({ length: 40 }, () => -Math.log(1 - random()));
    const { low, high } = medianInterval(values);
    if (low <= Math.LN2 && Math.LN2 <= high) held += 1;
  }
  t.true(held / rounds >= 0.94, `${held} of ${rounds}`);
  t.true(held / rounds < 1);
});

test('few values give their range', (t) => {
  t.deepEqual(medianInterval([3, 1, 2]), { median: 2, low: 1, high: 3 });
});

test('spread is relative, and 0 where all are equal', (t) => {
  t.is(relativeSpread([5, 5, 5, 5]), 0);
  t.is(relativeSpread([9, 10, 11]), 0.1);
});
