// Holds block-wise weights against ONNX Runtime's own kernel and against exact error accounting.
import test from 'ava';
import {
  type BlockShape,
  type BlockWeights,
  blocksOf,
  roundToNearest,
  valuesOf,
} from '../../../../shared/compress/blockwise/blocks.ts';
import { packBlocks } from '../../../../shared/compress/blockwise/pack.ts';
import { roundSecondOrder } from '../../../../shared/compress/blockwise/second-order.ts';
import { openSession } from '../../../../shared/evaluate/runtime.ts';
import type { Attribute, Model, Tensor } from '../../../../shared/onnx/graph.ts';
import { writeModel } from '../../../../shared/onnx/write.ts';
import { createRandom } from '../../../../shared/random.ts';

const shapes: readonly BlockShape[] = [
  { bits: 8, rows: 5, columns: 64, blockSize: 32 },
  { bits: 4, rows: 7, columns: 100, blockSize: 32 },
  { bits: 4, rows: 3, columns: 64, blockSize: 64 },
  { bits: 2, rows: 6, columns: 96, blockSize: 32 },
];

for (const shape of shapes) {
  const name = `${shape.bits} bits, ${shape.rows}×${shape.columns} in blocks of ${shape.blockSize}`;
  test(`the runtime multiplies by what the integers stand for: ${name}`, async (t) => {
    const random = createRandom(shape.columns);
    const weights = Float64Array.from({ length: shape.rows * shape.columns }, () => random() - 0.4);
    const blocks = roundToNearest(weights, shape);
    const session = await openSession(writeModel(multiplier(blocks)), { threads: 1 });
    const data = Float32Array.from({ length: 2 * shape.columns }, () => random() - 0.5);
    const { y } = await session.run({ x: { type: 'float', dims: [2, shape.columns], data } });
    await session.release();
    const exact = product(data, valuesOf(blocks), shape);
    const got = y?.data;
    t.true(got instanceof Float32Array);
    exact.forEach((value, i) => {
      t.true(Math.abs(Number(got?.[i]) - value) < 1e-4, `${i}: expected ${value}, got ${got?.[i]}`);
    });
  });
}

test('no weight is further from its level than half a step, where nothing is clipped', (t) => {
  const shape = { bits: 8, rows: 4, columns: 128, blockSize: 64 } as const;
  const random = createRandom(3);
  const weights = Float64Array.from({ length: 512 }, () => random() * 2 - 1);
  const blocks = roundToNearest(weights, shape);
  const values = valuesOf(blocks);
  weights.forEach((weight, i) => {
    const block = Math.floor(i / 128) * blocksOf(shape) + Math.floor((i % 128) / 64);
    const step = blocks.scales[block] ?? 0;
    t.true(Math.abs(weight - (values[i] ?? 0)) <= step * 1.01);
  });
});

for (const bits of [4, 2] as const) {
  test(`second-order rounding loses less of the output than nearest, ${bits} bits`, (t) => {
    const shape = { bits, rows: 16, columns: 64, blockSize: 32 } as const;
    const random = createRandom(bits);
    const weights = Float64Array.from({ length: 16 * 64 }, () => gaussian(random));
    const inputs = correlated(random, { samples: 400, columns: 64 });
    const moments = secondMoments(inputs, 64);
    const nearest = outputError(weights, valuesOf(roundToNearest(weights, shape)), moments);
    const second = outputError(
      weights,
      valuesOf(roundSecondOrder(weights, shape, moments)),
      moments,
    );
    t.true(second < 0.7 * nearest, `nearest ${nearest}, second order ${second}`);
  });
}

test('without moments second-order rounding is rounding to nearest', (t) => {
  const shape = { bits: 4, rows: 2, columns: 32, blockSize: 16 } as const;
  const random = createRandom(9);
  const weights = Float64Array.from({ length: 64 }, () => random());
  const rounded = roundSecondOrder(weights, shape, new Float64Array(32 * 32).fill(Number.NaN));
  t.deepEqual(rounded, roundToNearest(weights, shape));
});

function multiplier(blocks: BlockWeights): Model {
  const packed = packBlocks(blocks);
  const perRow = blocksOf(blocks);
  const { rows, columns, bits, blockSize } = blocks;
  const ints = { K: columns, N: rows, bits, block_size: blockSize, accuracy_level: 0 };
  const attributes = new Map<string, Attribute>(
    Object.entries(ints).map(([name, value]) => [name, { kind: 'int', value }]),
  );
  const blobBytes = (blockSize * bits) / 8;
  const initializers = new Map<string, Tensor>([
    ['b', { type: 'uint8', dims: [rows, perRow, blobBytes], bytes: packed.bytes }],
    ['s', { type: 'float', dims: [rows * perRow], bytes: new Uint8Array(packed.scales.buffer) }],
    ['z', { type: 'uint8', dims: [packed.zeros.length], bytes: packed.zeros }],
  ]);
  const node = { name: 'm', op: 'MatMulNBits', domain: 'com.microsoft' };
  return {
    irVersion: 8,
    opsets: new Map([
      ['', 17],
      ['com.microsoft', 1],
    ]),
    producer: 'test',
    graph: {
      name: 'g',
      nodes: [{ ...node, inputs: ['x', 'b', 's', 'z'], outputs: ['y'], attributes }],
      initializers,
      inputs: [{ name: 'x', type: 'float', dims: ['n', columns] }],
      outputs: [{ name: 'y', type: 'float', dims: ['n', rows] }],
      values: new Map(),
    },
  };
}

function product(x: Float32Array, weights: Float64Array, { rows, columns }: BlockShape): number[] {
  return Array.from({ length: (x.length / columns) * rows }, (_, i) => {
    const sample = Math.floor(i / rows) * columns;
    const row = (i % rows) * columns;
    let sum = 0;
    for (let k = 0; k < columns; k += 1) sum += (x[sample + k] ?? 0) * (weights[row + k] ?? 0);
    return sum;
  });
}

/** Σ over rows of δᵀ·H·δ: the squared error of the outputs over the samples behind the moments. */
function outputError(exact: Float64Array, rounded: Float64Array, moments: Float64Array): number {
  const n = Math.sqrt(moments.length);
  let total = 0;
  for (let row = 0; row < exact.length / n; row += 1) {
    for (let i = 0; i < n; i += 1) {
      for (let j = 0; j < n; j += 1) {
        const di = (exact[row * n + i] ?? 0) - (rounded[row * n + i] ?? 0);
        const dj = (exact[row * n + j] ?? 0) - (rounded[row * n + j] ?? 0);
        total += di * dj * (moments[i * n + j] ?? 0);
      }
    }
  }
  return total;
}

function secondMoments(inputs: Float64Array[], columns: number): Float64Array {
  const moments = new Float64Array(columns * columns);
  for (const x of inputs) {
    for (let i = 0; i < columns; i += 1) {
      for (let j = 0; j < columns; j += 1) {
        moments[i * columns + j] = (moments[i * columns + j] ?? 0) + (x[i] ?? 0) * (x[j] ?? 0);
      }
    }
  }
  return moments;
}

/** Samples that follow a few common causes, as activations do. */
function correlated(
  random: () => number,
  { samples, columns }: { samples: number; columns: number },
): Float64Array[] {
  const causes = Array.from({ length: 8 }, () =>
    Float64Array.from({ length: columns }, () => gaussian(random)),
  );
  return Array.from({ length: samples }, () => {
    const x = Float64Array.from({ length: columns }, () => 0.2 * gaussian(random));
    for (const cause of causes) {
      const strength = gaussian(random);
      for (let i = 0; i < columns; i += 1) x[i] = (x[i] ?? 0) + strength * (cause[i] ?? 0);
    }
    return x;
  });
}

function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(2 * Math.PI * random());
}
