import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import * as v from 'valibot';
import {
  quantize,
  quantizerOf,
  roundToEven,
} from '../../../../shared/compress/quantize/numbers.ts';
import { quantizeLayer } from '../../../../shared/compress/quantize/weights.ts';

/** Written by onnxruntime.quantization 1.30 (quant_utils.compute_scale_zp, quantize_nparray). */
const Peer = v.array(
  v.object({
    min: v.number(),
    max: v.number(),
    type: v.picklist(['uint8', 'int8']),
    symmetric: v.boolean(),
    scale: v.number(),
    zero: v.number(),
    x: v.array(v.number()),
    q: v.array(v.number()),
  }),
);
const fixture = join(import.meta.dirname, '../fixtures/scales.json');
const peer = v.parse(Peer, JSON.parse(readFileSync(fixture, 'utf8')));

test('scales, zero points and integers are those of the reference quantizer', (t) => {
  for (const { min, max, type, symmetric, scale, zero, x, q } of peer) {
    const [low, high] = type === 'uint8' ? [0, 255] : [-128, 127];
    const own = quantizerOf({ min, max }, { low, high, symmetric });
    t.true(Math.abs(own.scale / scale - 1) < 1e-6, `scale of ${min}…${max} as ${type}`);
    t.is(own.zero, zero, `zero of ${min}…${max} as ${type}`);
    t.deepEqual(
      x.map((value) => quantize(value, { ...own, scale })),
      q,
    );
  }
});

test('halves round to the even neighbour', (t) => {
  t.deepEqual(
    [0.5, 1.5, 2.5, -0.5, -1.5, 2.4, -2.6].map(roundToEven).map((x) => x + 0),
    [0, 2, 2, 0, -2, 2, -3],
  );
});

test('a range without extent gets a usable scale', (t) => {
  const { scale, zero } = quantizerOf({ min: 0, max: 0 }, { low: 0, high: 255, symmetric: false });
  t.deepEqual([scale, zero], [1, 0]);
});

test('a channel of tiny weights gets a scale that its bias fits into', (t) => {
  const layer = {
    channels: 2,
    weights: Float64Array.from([0.5, -1, 1e-12, -2e-12]),
    biases: Float64Array.from([0.25, 3]),
  };
  const quantized = quantizeLayer(layer, { scale: 0.02 }, () => 127);
  const scale = quantized.biasScales?.[1] ?? 0;
  const bias = quantized.biases?.[1] ?? 0;
  t.true(Math.abs(bias) < 2 ** 31 - 1);
  t.true(Math.abs(bias * scale - 3) < 1e-6);
  t.deepEqual([...quantized.weights.subarray(2)].map(Math.abs), [0, 0]);
  t.is(quantized.weights[1], -127);
});

test('a channel of zeros keeps its bias', (t) => {
  const layer = { channels: 1, weights: new Float64Array(4), biases: Float64Array.from([-0.7]) };
  const { biases, biasScales } = quantizeLayer(layer, { scale: 0.1 }, () => 127);
  t.true(Math.abs((biases?.[0] ?? 0) * (biasScales?.[0] ?? 0) + 0.7) < 1e-6);
});
