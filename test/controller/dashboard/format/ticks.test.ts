import test from 'ava';
import {
  binaryTicks,
  linearTicks,
  logTicks,
} from '../../../../controller/dashboard/format/ticks.ts';

test('linear ticks are round and lie within the span', (t) => {
  t.deepEqual(linearTicks(0, 10, 5), [0, 2, 4, 6, 8, 10]);
  t.deepEqual(linearTicks(0.943, 0.991, 4), [0.96, 0.98]);
  t.deepEqual(linearTicks(-1, 1, 4), [-1, -0.5, 0, 0.5, 1]);
  t.deepEqual(linearTicks(3, 3, 4), [3]);
});

test('logarithmic ticks are 1, 2 and 5', (t) => {
  t.deepEqual(logTicks(0.5, 12), [0.5, 1, 2, 5, 10]);
});

test('sizes are ticked at powers of two', (t) => {
  t.deepEqual(binaryTicks(1000, 20_000), [1024, 2048, 4096, 8192, 16_384]);
  t.deepEqual(binaryTicks(1000, 3200), [1024, 1536, 2048, 3072]);
});
