import test from 'ava';
import {
  pairedMeans,
  pairedProportions,
  studentQuantile95,
  tangoUpper,
} from '../../../shared/evaluate/paired.ts';
import { createRandom } from '../../../shared/random.ts';

const close = (a: number, b: number, within: number) => Math.abs(a - b) <= within;

/**
 * Expected: the difference at which the score test, its nuisance parameter found by maximising the
 * multinomial likelihood numerically (scipy minimize_scalar and brentq), equals −1.6449.
 */
const uppers = [
  { lost: 0, gained: 0, samples: 400, upper: 0.006718416 },
  { lost: 5, gained: 3, samples: 450, upper: 0.01681598 },
  { lost: 12, gained: 0, samples: 100, upper: 0.18369446 },
  { lost: 150, gained: 86, samples: 1600, upper: 0.05589514 },
];

for (const { upper, ...counts } of uppers) {
  test(`Tango's upper limit of ${JSON.stringify(counts)}`, (t) => {
    t.true(close(tangoUpper(counts), upper, 1e-7));
  });
}

test('the upper limit errs in about 5 % of experiments, not more than 7 %', (t) => {
  const random = createRandom(7);
  const [samples, loses, gains, experiments] = [200, 0.06, 0.03, 2000];
  let missed = 0;
  for (let experiment = 0; experiment < experiments; experiment++) {
    const source: number[] = [];
    const variant: number[] = [];
    for (let at = 0; at < samples; at++) {
      const luck = random();
      source.push(luck < loses ? 1 : 0);
      variant.push(luck >= loses && luck < loses + gains ? 1 : 0);
    }
    if (pairedProportions(source, variant).dropUpper < loses - gains) missed += 1;
  }
  t.true(missed / experiments < 0.07, `${missed} of ${experiments}`);
  t.true(missed / experiments > 0.03, `${missed} of ${experiments}`);
});

test('the drop counts what was lost minus what was gained', (t) => {
  const { drop, dropUpper } = pairedProportions([1, 1, 1, 0, 0], [1, 0, 0, 1, 0]);
  t.true(close(drop, 0.2, 1e-12));
  t.true(dropUpper > 0.2 && dropUpper <= 1);
  t.is(pairedProportions([0, 0], [1, 1]).drop, -1);
});

test('of means the limit is Student’s', (t) => {
  // scipy.stats.t.ppf(0.95, 7)·s/√8 above the mean.
  const { drop, dropUpper } = pairedMeans([0.1, 0.2, 0.15, 0.05, 0.4, 0.3, 0.12, 0.08]);
  t.true(close(drop, 0.175, 1e-12));
  t.true(close(dropUpper, 0.25538016, 2e-5));
  for (const [degrees, quantile] of [
    [1, 6.313751514675037],
    [2, 2.9199855803537242],
    [3, 2.3533634348018233],
    [10, 1.8124611228116756],
    [399, 1.6486815335554255],
  ] as const) {
    t.true(close(studentQuantile95(degrees), quantile, 5e-4 * quantile), `${degrees}`);
  }
});

test('what is no pair is refused', (t) => {
  t.throws(() => pairedProportions([1], [1, 0]), { instanceOf: RangeError });
  t.throws(() => pairedProportions([], []), { instanceOf: RangeError });
  t.throws(() => pairedMeans([1]), { instanceOf: RangeError });
});
