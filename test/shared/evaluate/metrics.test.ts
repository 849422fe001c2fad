import test from 'ava';
import {
  argmax,
  isAmongTop,
  meanSquaredDifference,
  meanSquareMax,
  noiseRatio,
  noiseRatioMax,
  splitSamples,
  toDecibel,
} from '../../../shared/evaluate/metrics.ts';
import { fromFloat16, toFloat16 } from '../../../shared/evaluate/tensor.ts';

test('the largest is the first of equal ones and never NaN', (t) => {
  t.is(argmax([1, 3, 3, 2]), 1);
  t.is(argmax([Number.NaN, -1, Number.NaN, -2]), 1);
  t.is(argmax([Number.NEGATIVE_INFINITY, -5]), 1);
});

test('top five counts what is larger, the first of equal ones being larger', (t) => {
  const values = [9, 8, 7, 6, 5, 5, 0];
  t.true(isAmongTop(values, 4, 5));
  t.false(isAmongTop(values, 5, 5));
  t.false(isAmongTop(values, 6, 5));
  t.false(isAmongTop([Number.NaN, 1], 0, 5));
  t.false(isAmongTop(values, 7, 5));
});

test('noise is told against the signal', (t) => {
  // Noise 0.01 + 0.04, signal 1 + 4 + 4.
  t.true(Math.abs(noiseRatio([1.1, 2, 1.8], [1, 2, 2]) - 0.05 / 9) < 1e-15);
  t.is(noiseRatio([0, 0], [0, 0]), 0);
  t.is(noiseRatio([1], [0]), noiseRatioMax);
  t.is(noiseRatio([Number.NaN], [1]), noiseRatioMax);
  t.is(noiseRatio([1, 2], [1]), noiseRatioMax);
  const infinite = [Number.POSITIVE_INFINITY, 1];
  t.is(noiseRatio(infinite, infinite), 0);
  t.is(toDecibel(0.01), 20);
  t.is(toDecibel(0), 200);
  t.is(toDecibel(1), 0);
});

test('a squared difference that is no number is the largest that is given', (t) => {
  t.is(meanSquaredDifference([1, 2], [3, 2]), 2);
  t.is(meanSquaredDifference([Number.NaN], [1]), meanSquareMax);
});

test('a run of several samples is split along its leading axis only', (t) => {
  const data = new Float32Array([1, 2, 3, 4, 5, 6]);
  const rows = splitSamples({ type: 'float', dims: [3, 2], data }, { count: 2, batch: 3 });
  t.deepEqual(
    rows.map((row) => Array.from(row)),
    [
      [1, 2],
      [3, 4],
    ],
  );
  const whole = splitSamples({ type: 'float', dims: [2, 3], data }, { count: 1, batch: 1 });
  t.deepEqual(
    whole.map((row) => Array.from(row)),
    [[1, 2, 3, 4, 5, 6]],
  );
});

test('every float16 survives, and halves round to even', (t) => {
  for (let bits = 0; bits < 0x10000; bits++) {
    const value = fromFloat16(bits);
    if (Number.isNaN(value)) t.is(toFloat16(value), 0x7e00);
    else if (toFloat16(value) !== bits) t.fail(`${bits} became ${toFloat16(value)}`);
  }
  // Between 2048 and 2052 the step is 2: 2049 lies between two, and 2048 is the even one.
  t.is(fromFloat16(toFloat16(2049)), 2048);
  t.is(fromFloat16(toFloat16(2051)), 2052);
  t.is(fromFloat16(toFloat16(65519)), 65504);
  t.is(fromFloat16(toFloat16(65520)), Number.POSITIVE_INFINITY);
  t.is(fromFloat16(toFloat16(2 ** -25)), 0);
  t.is(fromFloat16(toFloat16(2 ** -25 * 1.01)), 2 ** -24);
  t.is(fromFloat16(toFloat16(2 ** -14 - 2 ** -26)), 2 ** -14);
});
