import test from 'ava';
import { emptyValues, halfBins, observe } from '../../../../shared/compress/calibrate/histogram.ts';
import { rangeOf } from '../../../../shared/compress/calibrate/ranges.ts';
import { createRandom } from '../../../../shared/random.ts';

/** Sums of uniforms: close to normal, standard deviation 1. */
function bell(count: number, seed: number): Float32Array {
  const next = createRandom(seed);
  return Float32Array.from({ length: count }, () => {
    let sum = -6;
    for (let i = 0; i < 12; i += 1) sum += next();
    return sum;
  });
}

/** Mean squared error of rounding the values to 256 levels over the range. */
function errorOf(values: Float32Array, { min, max }: { min: number; max: number }): number {
  const step = (max - min) / 255;
  let sum = 0;
  for (const value of values) {
    const kept = Math.min(Math.max(value, min), max);
    sum += (value - min - Math.round((kept - min) / step) * step) ** 2;
  }
  return sum / values.length;
}

test('a histogram counts every value, however the range grows', (t) => {
  const histogram = emptyValues();
  observe(histogram, Float32Array.from([0, 0.001, -0.001]));
  observe(histogram, Float32Array.from([1000, -3, 0, 7]));
  const sum = histogram.counts.reduce((total, count) => total + count, 0);
  t.is(sum, 7);
  t.is(histogram.zeros, 2);
  t.is(histogram.min, -3);
  t.is(histogram.max, 1000);
  t.true(histogram.width * halfBins > 1000);
  const below = histogram.counts.slice(0, halfBins).reduce((total, count) => total + count, 0);
  t.is(below, 2);
});

test('what was observed in parts is what was observed at once', (t) => {
  const values = bell(5000, 3).map((value, i) => value * (1 + i / 100));
  const [once, parts] = [emptyValues(), emptyValues()];
  observe(once, values);
  for (let i = 0; i < values.length; i += 500) observe(parts, values.subarray(i, i + 500));
  t.deepEqual(parts.counts, once.counts);
});

test('infinities and NaN are kept out of the range', (t) => {
  const histogram = emptyValues();
  observe(histogram, Float32Array.from([1, Infinity, -2, NaN, -Infinity]));
  t.deepEqual(rangeOf(histogram, 'minmax'), { min: -2, max: 1 });
  t.is(histogram.strange, 3);
});

test('the squared-error range is close to the best of all', (t) => {
  const values = bell(100_000, 1);
  values[17] = 11;
  const histogram = emptyValues();
  observe(histogram, values);
  const full = rangeOf(histogram, 'minmax');
  const chosen = rangeOf(histogram, 'mse');
  t.is(full.max, 11);
  t.true(errorOf(values, chosen) < errorOf(values, full) * 0.9);
  let best = Infinity;
  for (let max = 3; max <= 11; max += 0.25) {
    for (let min = -5; min <= -3; min += 0.25) {
      best = Math.min(best, errorOf(values, { min, max }));
    }
  }
  t.true(errorOf(values, chosen) < best * 1.05);
});

test('entropy cuts a lone outlier, and keeps all of an even distribution', (t) => {
  const [spiked, even] = [emptyValues(), emptyValues()];
  const values = bell(100_000, 2);
  values[5] = 50;
  observe(spiked, values);
  const next = createRandom(9);
  observe(
    even,
    Float32Array.from({ length: 100_000 }, () => next() * 4),
  );
  t.true(rangeOf(spiked, 'entropy').max < 15);
  t.true(rangeOf(even, 'entropy').max > 3.8);
});

test('percentile cuts the share it is told to', (t) => {
  const values = bell(100_000, 4);
  const histogram = emptyValues();
  observe(histogram, values);
  const { min, max } = rangeOf(histogram, 'percentile');
  const sorted = [...values].sort((a, b) => a - b);
  t.true(Math.abs(max - (sorted[99_995] ?? 0)) < 2 * histogram.width);
  t.true(Math.abs(min - (sorted[4] ?? 0)) < 2 * histogram.width);
});
