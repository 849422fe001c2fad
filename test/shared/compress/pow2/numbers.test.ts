// Holds fixed point to its definition: every scale a power of two, biases at the p of products.
import test from 'ava';
import { emptyValues, observe } from '../../../../shared/compress/calibrate/histogram.ts';
import { powerLayer, powerRange } from '../../../../shared/compress/pow2/numbers.ts';
import { quantizerOf } from '../../../../shared/compress/quantize/numbers.ts';
import { createRandom } from '../../../../shared/random.ts';

const grid = { low: 0, high: 255, symmetric: false };
const word = { bits: 8, most: 127 } as const;

function rangeFor(values: readonly number[]) {
  const histogram = emptyValues();
  observe(histogram, Float32Array.from(values));
  return powerRange(histogram);
}

test('activations: a power of two, zero at the end or in the middle', (t) => {
  const random = createRandom(2);
  for (const spread of [1e-6, 0.3, 1, 77, 1e6]) {
    const positive = Array.from({ length: 500 }, () => spread * random());
    const one = quantizerOf(rangeFor(positive), grid);
    t.true(Number.isInteger(Math.log2(one.scale)));
    t.is(one.zero, 0);
    const both = quantizerOf(rangeFor(positive.map((x, i) => (i % 2 ? x : -x))), grid);
    t.true(Number.isInteger(Math.log2(both.scale)));
    t.is(both.zero, 128);
  }
});

test('a lone outlier is clipped where the others gain by it', (t) => {
  const random = createRandom(4);
  const values = Array.from({ length: 20_000 }, () => random());
  const plain = quantizerOf(rangeFor(values), grid).scale;
  t.is(quantizerOf(rangeFor([...values, 1.1]), grid).scale, plain);
});

test('nothing seen, or nothing but zeros, still gives a scale', (t) => {
  t.true(quantizerOf(powerRange(emptyValues()), grid).scale > 0);
  t.true(quantizerOf(rangeFor([0, 0]), grid).scale > 0);
});

test('weights: one p, words within their length, the bias exactly at the sum of both p', (t) => {
  const random = createRandom(6);
  const weights = Float64Array.from({ length: 64 }, () => random() * 3 - 1.5);
  const biases = Float64Array.from([0.5, -3]);
  const layer = { weights, biases, channels: 2 };
  for (const bits of [8, 4, 2] as const) {
    const made = powerLayer(layer, { scale: 2 ** -5 }, { ...word, bits });
    const [scale = 0] = made.scales;
    t.true(Number.isInteger(Math.log2(scale)));
    t.true(made.scales.every((other) => other === scale));
    t.true(made.weights.every((w) => w >= -(2 ** (bits - 1)) && w < 2 ** (bits - 1)));
    t.deepEqual([...(made.biasScales ?? [])], [scale / 32, scale / 32]);
  }
});

test('a bias that would overflow makes the step larger', (t) => {
  const layer = {
    weights: new Float64Array(4).fill(1e-12),
    biases: Float64Array.of(100),
    channels: 1,
  };
  const { biases, biasScales } = powerLayer(layer, { scale: 1 }, word);
  t.true(Math.abs((biases?.[0] ?? 0) * (biasScales?.[0] ?? 0) - 100) < 1e-3);
});

test('weights of nothing but zeros are zeros', (t) => {
  const layer = { weights: new Float64Array(4), biases: undefined, channels: 1 };
  const { weights, scales } = powerLayer(layer, { scale: 1 }, word);
  t.true(weights.every((w) => w === 0));
  t.true((scales[0] ?? 0) > 0);
});
