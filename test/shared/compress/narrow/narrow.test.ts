// Holds narrow weights against the runtime: what is built must compute with the integers it stores.
import test from 'ava';
import * as v from 'valibot';
import { roundToNearest, valuesOf } from '../../../../shared/compress/blockwise/blocks.ts';
import { packBits, unpackBits } from '../../../../shared/compress/blockwise/pack.ts';
import { buildVariant } from '../../../../shared/compress/build.ts';
import { narrowModel } from '../../../../shared/compress/narrow/narrow.ts';
import { storageBlock } from '../../../../shared/compress/narrow/plan.ts';
import { Recipe, recipeName } from '../../../../shared/compress/recipe.ts';
import type { MeasureRecord } from '../../../../shared/compress/record.ts';
import { targets } from '../../../../shared/compress/targets.ts';
import { floatsOf } from '../../../../shared/compress/tensors.ts';
import { openSession } from '../../../../shared/evaluate/runtime.ts';
import type { Tensor } from '../../../../shared/onnx/graph.ts';
import { readModel } from '../../../../shared/onnx/read.ts';
import { writeModel } from '../../../../shared/onnx/write.ts';
import { createRandom } from '../../../../shared/random.ts';
import { floats, graphOf, ints, modelOf, nodeOf, valueNamed } from '../../../support/graphs.ts';
import fixtures from '../fixtures/matmul-nbits.json' with { type: 'json' };

const random = createRandom(7);

function noise(dims: readonly number[]): Tensor {
  const count = dims.reduce((product, dim) => product * dim, 1);
  return floats(
    dims,
    Array.from({ length: count }, () => random() - 0.45),
  );
}

/** A convolution, a depthwise one, a 1×1 on one position, and a matrix. */
function network(first: Tensor = noise([32, 16, 3, 3])): Uint8Array {
  const graph = graphOf({
    inputs: [valueNamed('x', [1, 16, 6, 6])],
    outputs: ['y'],
    initializers: {
      w1: first,
      w2: noise([32, 1, 3, 3]),
      w3: noise([48, 32, 1, 1]),
      b3: noise([48]),
      w4: noise([48, 24]),
    },
    nodes: [
      nodeOf('Conv', { inputs: ['x', 'w1'], outputs: ['a'] }, ['pads', ints(1, 1, 1, 1)]),
      nodeOf('Conv', { inputs: ['a', 'w2'], outputs: ['b'] }, [
        'group',
        { kind: 'int', value: 32 },
      ]),
      nodeOf('GlobalAveragePool', { inputs: ['b'], outputs: ['p'] }),
      nodeOf('Conv', { inputs: ['p', 'w3', 'b3'], outputs: ['c'] }),
      nodeOf('Flatten', { inputs: ['c'], outputs: ['f'] }),
      nodeOf('MatMul', { inputs: ['f', 'w4'], outputs: ['y'] }),
    ],
  });
  return writeModel(modelOf(graph));
}

async function answer(model: Uint8Array): Promise<Float32Array> {
  const session = await openSession(model, { threads: 1 });
  const input = createRandom(3);
  const data = Float32Array.from({ length: 16 * 36 }, () => input() - 0.5);
  const { y } = await session.run({ x: { type: 'float', dims: [1, 16, 6, 6], data } });
  await session.release();
  return y?.data instanceof Float32Array ? y.data : new Float32Array();
}

/** Noise power over signal power. */
function noiseOf(got: Float32Array, exact: Float32Array): number {
  let [difference, signal] = [0, 0];
  exact.forEach((value, i) => {
    difference += (value - (got[i] ?? 0)) ** 2;
    signal += value ** 2;
  });
  return difference / signal;
}

const widths = [
  { bits: 16, most: 1e-6, share: 0.56 },
  { bits: 8, most: 1e-3, share: 0.42 },
  { bits: 4, most: 0.05, share: 0.25 },
  { bits: 2, most: 1.5, share: 0.21 },
] as const;

for (const { bits, most, share } of widths) {
  test(`${bits} bits: fewer bytes, near the source, the same bytes again`, async (t) => {
    const source = network();
    const recipe: Recipe = { v: 1, bits, activations: 32 };
    const built = buildVariant(source, recipe, null);
    t.is(buildVariant(source, recipe, null).digest, built.digest);
    t.true(built.bytes.length < share * source.length, `${built.bytes.length / source.length}`);
    const error = noiseOf(await answer(built.bytes), await answer(source));
    t.true(error < most, `noise ${error}`);
    t.true(built.layers.some((layer) => layer.bits === bits && layer.saves?.includes('bytes')));
    t.true(built.notes.some((note) => note.includes('saves')));
  });
}

test('matrices and single positions get the packed kernel, convolutions are unpacked', (t) => {
  const { bytes, layers } = buildVariant(network(), { v: 1, bits: 4 }, null);
  const ops = readModel(bytes).graph.nodes.map((node) => node.op);
  t.is(ops.filter((op) => op === 'MatMulNBits').length, 2);
  t.deepEqual(
    layers.map(({ compute }) => compute),
    ['float', 'float', 'integer', 'integer'],
  );
});

test('2 bits widened for the kernel multiply by what they stand for', async (t) => {
  const [rows, columns] = [40, 72];
  const matrix = noise([rows, columns]);
  const graph = graphOf({
    inputs: [valueNamed('x', [1, columns])],
    outputs: ['y'],
    initializers: { w: matrix },
    nodes: [
      nodeOf('Gemm', { inputs: ['x', 'w'], outputs: ['y'] }, ['transB', { kind: 'int', value: 1 }]),
    ],
  });
  const model = narrowModel(modelOf(graph), {
    ...{ recipe: { v: 1, bits: 2, blockSize: 16 }, record: null },
    target: targets['x64-vnni'],
  });
  t.is(model.layers[0]?.bits, 2);
  const session = await openSession(writeModel(model.model), { threads: 1 });
  const data = Float32Array.from({ length: columns }, (_, i) => Math.cos(i));
  const { y } = await session.run({ x: { type: 'float', dims: [1, columns], data } });
  await session.release();
  const weights = floatsOf(matrix) ?? new Float64Array();
  const values = valuesOf(roundToNearest(weights, { bits: 2, rows, columns, blockSize: 16 }));
  for (let row = 0; row < rows; row += 1) {
    let sum = 0;
    for (let i = 0; i < columns; i += 1) sum += (data[i] ?? 0) * (values[row * columns + i] ?? 0);
    t.true(Math.abs(sum - Number(y?.data[row])) < 0.1, `${sum} ${y?.data[row]}`);
  }
});

test('a target without the kernel unpacks instead, and says why', (t) => {
  const recipe: Recipe = { v: 1, bits: 8, activations: 32, target: 'arm64' };
  const { bytes, layers } = buildVariant(network(), recipe, null);
  t.false(readModel(bytes).graph.nodes.some((node) => node.op === 'MatMulNBits'));
  t.regex(layers.at(-1)?.reason ?? '', /no fast kernel/);
});

test('layers keep the width that the recipe names for them', (t) => {
  const first = buildVariant(network(), { v: 1, bits: 4 }, null).layers[0]?.name ?? '';
  const mixed: Recipe = { v: 1, bits: 4, layers: { [first]: 32 } };
  const { layers } = buildVariant(network(), mixed, null);
  t.deepEqual(layers[0]?.bits, 32);
});

test('weights that are not finite stay as they are', async (t) => {
  const values = Array.from({ length: 32 * 16 * 9 }, (_, i) => (i === 5 ? Number.NaN : 0.1));
  const { layers } = buildVariant(network(floats([32, 16, 3, 3], values)), { v: 1, bits: 4 }, null);
  t.is(layers[0]?.bits, 32);
  t.regex(layers[0]?.reason ?? '', /not finite/);
});

test('a layer of zeros stays one of zeros', async (t) => {
  const source = network(floats([32, 16, 3, 3], new Array(32 * 16 * 9).fill(0)));
  const { bytes } = buildVariant(source, { v: 1, bits: 2 }, null);
  const exact = await answer(source);
  const got = await answer(bytes);
  t.true(exact.every((value, i) => Math.abs(value - (got[i] ?? 0)) < 3));
});

test('weights beyond float16 stay float32', (t) => {
  const values = Array.from({ length: 32 * 16 * 9 }, (_, i) => (i === 5 ? 7e4 : 0.1));
  const source = network(floats([32, 16, 3, 3], values));
  const { layers } = buildVariant(source, { v: 1, bits: 16 }, null);
  t.regex(layers[0]?.reason ?? '', /beyond float16/);
});

test('a record that does not fit the layer is refused', (t) => {
  const source = network();
  const plain = buildVariant(source, { v: 1, bits: 4 }, null);
  const name = plain.layers[0]?.name ?? '';
  const stored = {
    bits: 4,
    blockSize: 36,
    integers: 'AAAA',
    zeros: 'AA==',
    scales: 'AAAA',
  } as const;
  const recipe: Recipe = { v: 1, bits: 4 };
  const narrow = { [name]: stored };
  const record: MeasureRecord = {
    ...{ model: plain.digest, recipe, samples: 1, narrow },
    ...{ v: 1, ranges: {}, biases: {}, float: {}, notes: [] },
  };
  t.throws(() => buildVariant(source, recipe, record), { code: 'VARIANT_FAILED' });
});

for (const { bits, rows, columns, blockSize, packed, scales, zeros, values } of fixtures) {
  test(`the layout is that of the reference quantizer: ${bits} bits`, (t) => {
    if (bits !== 8 && bits !== 4 && bits !== 2) return t.fail();
    const perRow = Math.ceil(columns / blockSize);
    const levels = unpackBits(Uint8Array.from(packed), bits);
    t.deepEqual([...packBits(levels, bits)], packed);
    const zeroRow = (perRow * bits) / 8;
    for (let row = 0; row < rows; row += 1) {
      const from = row * Math.ceil(zeroRow);
      const own = unpackBits(Uint8Array.from(zeros.slice(from, from + Math.ceil(zeroRow))), bits);
      for (let i = 0; i < columns; i += 1) {
        const block = Math.floor(i / blockSize);
        const level = levels[(row * perRow + block) * blockSize + (i % blockSize)] ?? 0;
        const value = (scales[row * perRow + block] ?? 0) * (level - (own[block] ?? 0));
        t.true(Math.abs(value - (values[row * columns + i] ?? 0)) < 1e-5);
      }
    }
    return undefined;
  });
}

test('blocks of stored weights fill their rows', (t) => {
  for (const columns of [1, 9, 13, 27, 144, 576, 2304]) {
    for (const wanted of [16, 32, 128]) {
      t.is(columns % storageBlock(columns, wanted), 0);
    }
  }
  t.is(storageBlock(144, 32), 36);
  t.is(storageBlock(13, 32), 13);
});

test('recipes say what they are', (t) => {
  const name = (recipe: unknown) => recipeName(v.parse(Recipe, recipe));
  t.is(name({ v: 1, bits: 4 }), 'int4 weights');
  t.is(name({ v: 1, bits: 8 }), 'int8');
  t.is(name({ v: 1, bits: 8, activations: 32 }), 'int8 weights');
  t.is(name({ v: 1, bits: 16 }), 'float16');
  t.is(name({ v: 1, bits: 8, scheme: 'pow2' }), 'int8 pow2');
  t.false(v.safeParse(Recipe, { v: 1, bits: 4, blockSize: 33 }).success);
});
