import test from 'ava';
import {
  chanceIndex,
  createDrift,
  referenceOf,
  stabilityIndex,
} from '../../../agent/telemetry/drift.ts';
import type { RuntimeTensor } from '../../../shared/evaluate/tensor.ts';
import { createRandom } from '../../../shared/random.ts';

function tensor(dims: readonly number[], values: readonly number[]): RuntimeTensor {
  return { type: 'float', dims, data: Float32Array.from(values) };
}

function scores(best: number): number[] {
  return Array.from({ length: 10 }, (_, at) => (at === best ? 5 : at / 100));
}

/** Sixteen samples of ten classes, and of inputs around 0. */
function golden(random: () => number) {
  const rows = Array.from({ length: 16 }, (_, at) => at);
  const inputs = {
    x: tensor(
      [16, 20],
      rows.flatMap(() => picture(random, 0)),
    ),
  };
  return {
    inputs,
    outputs: {
      y: tensor(
        [16, 10],
        rows.flatMap((at) => scores(at % 10)),
      ),
    },
  };
}

function picture(random: () => number, offset: number): number[] {
  const level = random() - 0.5 + offset;
  return Array.from({ length: 20 }, () => level + random() - 0.5);
}

/** A thousand samples of these classes, and inputs so far off. */
function driftsOf(classOf: (at: number) => number, offset: number, type = 'plain') {
  const random = createRandom(3);
  const drift = createDrift(referenceOf(golden(random)));
  for (let at = 0; at < 1000; at++) {
    drift.fed({ x: tensor([1, 20], picture(random, offset)) });
    const row = scores(classOf(at));
    drift.answered({ y: type === 'flat' ? tensor([10], row) : tensor([1, 10], row) });
  }
  return drift.look();
}

test('the index is the sum of both Kullback-Leibler divergences', (t) => {
  const [a, b] = [
    [40, 30, 20, 10],
    [10, 10, 30, 50],
  ];
  const share = (counts: readonly number[]) => counts.map((count) => (count + 0.5) / 102);
  const entropy = (p: readonly number[], q: readonly number[]) =>
    -p.reduce((sum, value, at) => sum + value * Math.log(q[at] ?? 0), 0);
  const [p, q] = [share(a ?? []), share(b ?? [])];
  const jeffreys = entropy(p, q) - entropy(p, p) + entropy(q, p) - entropy(q, q);
  t.true(Math.abs(stabilityIndex(a ?? [], b ?? []) - jeffreys) < 1e-12);
  t.is(stabilityIndex([3, 4], [3, 4]), 0);
});

test('chance is the 99.5 % quantile of the chi-squared distribution', (t) => {
  // From the printed tables: 7.879, 12.838 and 23.589 at 1, 3 and 9 degrees of freedom.
  for (const [bins, quantile] of [
    [2, 7.879],
    [4, 12.838],
    [10, 23.589],
  ] as const) {
    t.true(Math.abs(chanceIndex(bins, 2, 2) / quantile - 1) < 0.03, `${bins} bins`);
  }
});

test('samples as the golden set has them have not drifted', (t) => {
  t.deepEqual(
    driftsOf((at) => at % 10, 0),
    { inputDrift: 0, outputDrift: 0 },
  );
});

test('one class only is drift of outputs, and other levels are drift of inputs', (t) => {
  const stuck = driftsOf(() => 3, 0);
  t.is(stuck.inputDrift, 0);
  t.is(stuck.outputDrift, 1);
  const bright = driftsOf((at) => at % 10, 5);
  t.is(bright.inputDrift, 1);
  t.is(bright.outputDrift, 0);
});

test('a model without an axis of samples answers one at a time', (t) => {
  t.deepEqual(
    driftsOf((at) => at % 10, 0, 'flat'),
    { inputDrift: 0, outputDrift: 0 },
  );
});

test('little that was seen, and little to compare with, say nothing', (t) => {
  const drift = createDrift(referenceOf(golden(createRandom(3))));
  for (let at = 0; at < 99; at++) drift.answered({ y: tensor([1, 10], scores(1)) });
  t.deepEqual(drift.look(), {});
  const small = { inputs: {}, outputs: { y: tensor([4, 10], [0, 1, 2, 3].flatMap(scores)) } };
  t.deepEqual(referenceOf(small), { inputs: [], outputs: [] });
});

test('what was long ago is forgotten', (t) => {
  const drift = createDrift(referenceOf(golden(createRandom(3))));
  for (let at = 0; at < 5000; at++) drift.answered({ y: tensor([1, 10], scores(3)) });
  t.is(drift.look().outputDrift, 1);
  for (let at = 0; at < 9000; at++) drift.answered({ y: tensor([1, 10], scores(at % 10)) });
  t.is(drift.look().outputDrift, 0);
});
