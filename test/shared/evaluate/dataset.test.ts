import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Batch, batches, openDataSet } from '../../../shared/evaluate/dataset.ts';
import type { InputPreparation } from '../../../shared/evaluate/manifest.ts';
import { type NpyArray, writeNpz } from '../../../shared/evaluate/npz.ts';
import { fromFloat16 } from '../../../shared/evaluate/tensor.ts';
import type { TensorInfo } from '../../../shared/protocol/fields.ts';
import { temporaryFolder } from '../../support/fettle.ts';

/** Two samples of 2×2 pixels with 3 channels, channels last: 0 to 23. */
const pixels: NpyArray = {
  type: 'uint8',
  shape: [2, 2, 2, 3],
  data: Uint8Array.from({ length: 24 }, (_, at) => at),
};
const image = (shape: number[], type = 'float'): TensorInfo => ({ name: 'image', type, shape });

async function write(t: ExecutionContext, arrays: Record<string, NpyArray>): Promise<string> {
  const path = join(temporaryFolder(t), 'data.npz');
  await writeNpz(path, arrays);
  return path;
}

async function all(
  path: string,
  options: { inputs: TensorInfo[]; preparation?: Record<string, InputPreparation> },
): Promise<Batch[]> {
  const found: Batch[] = [];
  for await (const batch of batches(await openDataSet(path, options))) found.push(batch);
  return found;
}

const numbers = (data: ArrayLike<unknown> | undefined) => Array.from(data ?? [], Number);

const prepared: [string, InputPreparation, number[], number[]][] = [
  ['as stored', {}, [1, 2, 2, 3], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
  [
    'channels first',
    { layout: 'nhwc', modelLayout: 'nchw' },
    [1, 3, 2, 2],
    [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11],
  ],
  [
    'channels reversed',
    { layout: 'nhwc', modelLayout: 'nhwc', channelOrder: 'bgr' },
    [1, 2, 2, 3],
    [2, 1, 0, 5, 4, 3, 8, 7, 6, 11, 10, 9],
  ],
  [
    'mean and std of the channels the model gets, in its order',
    {
      layout: 'nhwc',
      modelLayout: 'nchw',
      channelOrder: 'bgr',
      scale: 2,
      mean: [4, 2, 0],
      std: [1, 2, 4],
    },
    [1, 3, 2, 2],
    // Stored channel 2 comes first: (2·2 − 4) / 1 and so on.
    [0, 6, 12, 18, 0, 3, 6, 9, 0, 1.5, 3, 4.5],
  ],
  [
    'one mean and std for all',
    { mean: [6], std: [0.5] },
    [-1, 2, 2, 3],
    [-12, -10, -8, -6, -4, -2, 0, 2, 4, 6, 8, 10],
  ],
];

for (const [what, preparation, shape, expected] of prepared) {
  test(`prepared: ${what}`, async (t) => {
    const path = await write(t, { anything: pixels });
    const [first, second] = await all(path, {
      inputs: [image(shape)],
      preparation: { image: preparation },
    });
    t.is(first?.feeds.image?.type, 'float');
    t.deepEqual(first?.feeds.image?.dims, [1, ...shape.slice(1)]);
    t.deepEqual(numbers(first?.feeds.image?.data), expected);
    t.is(second?.start, 1);
  });
}

test('stored channels first reach a model with channels last', async (t) => {
  const data = Uint8Array.from({ length: 12 }, (_, at) => at);
  const path = await write(t, { x: { type: 'uint8', shape: [1, 3, 2, 2], data } });
  const [only] = await all(path, {
    inputs: [image([1, 2, 2, 3])],
    preparation: { image: { layout: 'nchw', modelLayout: 'nhwc', mean: [0, 0, 8] } },
  });
  t.deepEqual(numbers(only?.feeds.image?.data), [0, 4, 0, 1, 5, 1, 2, 6, 2, 3, 7, 3]);
});

test('the model decides the type: float16, double, wider integers', async (t) => {
  const path = await write(t, {
    x: { type: 'int8', shape: [1, 2], data: new Int8Array([-128, 3]) },
  });
  const half = await all(path, {
    inputs: [image([1, 2], 'float16')],
    preparation: { image: { scale: 0.5 } },
  });
  t.deepEqual(numbers(half[0]?.feeds.image?.data).map(fromFloat16), [-64, 1.5]);
  const wide = await all(path, { inputs: [image([1, 2], 'int64')] });
  t.deepEqual(wide[0]?.feeds.image?.data, new BigInt64Array([-128n, 3n]));
  const narrow = all(path, { inputs: [image([1, 2], 'uint8')] });
  await t.throwsAsync(narrow, { code: 'DATA_MISMATCH', message: /-128 does not fit/ });
});

test('a fixed batch gets whole runs, the last one filled up', async (t) => {
  const data = Float32Array.from({ length: 6 }, (_, at) => at);
  const path = await write(t, { x: { type: 'float', shape: [6, 1], data } });
  const found = await all(path, { inputs: [image([4, 1])] });
  t.deepEqual(
    found.map(({ start, count, feeds }) => [start, count, numbers(feeds.image?.data)]),
    [
      [0, 4, [0, 1, 2, 3]],
      [4, 2, [4, 5, 5, 5]],
    ],
  );
});

test('an open batch takes the size asked for; every and limit choose samples', async (t) => {
  const data = Float32Array.from({ length: 10 }, (_, at) => at);
  const path = await write(t, { x: { type: 'float', shape: [10, 1], data } });
  const dataSet = await openDataSet(path, { inputs: [image([-1, 1])] });
  const found: number[][] = [];
  for await (const { feeds } of batches(dataSet, { batch: 2, every: 3, limit: 3 })) {
    found.push(numbers(feeds.image?.data));
  }
  t.deepEqual(found, [[0, 3], [6]]);
});

test('several inputs are fed by name, a scalar without axes', async (t) => {
  const path = await write(t, {
    factor: { type: 'float', shape: [2], data: new Float32Array([10, 20]) },
    x: { type: 'float', shape: [2, 2], data: new Float32Array([1, 2, 3, 4]) },
    labels: { type: 'int32', shape: [2], data: new Int32Array([1, 0]) },
  });
  const inputs = [
    { name: 'x', type: 'float', shape: [-1, 2] },
    { name: 'factor', type: 'float', shape: [] },
  ];
  const dataSet = await openDataSet(path, { inputs });
  t.deepEqual(dataSet.labels, [1, 0]);
  const found = await all(path, { inputs });
  t.deepEqual(found[1]?.feeds, {
    x: { type: 'float', dims: [1, 2], data: new Float32Array([3, 4]) },
    factor: { type: 'float', dims: [], data: new Float32Array([20]) },
  });
});

const labels = (length: number): NpyArray => ({
  type: 'int64',
  shape: [length],
  data: new BigInt64Array(length),
});
const floats: NpyArray = { type: 'float', shape: [2, 4], data: new Float32Array(8) };

const mismatches: [string, Record<string, NpyArray>, TensorInfo[], InputPreparation, RegExp][] = [
  [
    'a wrong shape',
    { x: pixels },
    [image([1, 3, 2, 2])],
    {},
    /array x: expected samples of shape \[3, 2, 2\], got \[2, 2, 3\]/,
  ],
  [
    'no array of that name',
    { a: floats, b: floats },
    [image([1, 4])],
    {},
    /array image: expected one array for each model input \(image\), got a,b/,
  ],
  ['only labels', { labels: labels(2) }, [image([1, 4])], {}, /got none/],
  [
    'too few labels',
    { x: floats, labels: labels(1) },
    [image([1, 4])],
    {},
    /integers of shape \[2\]/,
  ],
  ['floats for integers', { x: floats }, [image([1, 4], 'int32')], {}, /integers for an input/],
  [
    'two means for three channels',
    { x: pixels },
    [image([1, 2, 2, 3])],
    { layout: 'nhwc', mean: [1, 2] },
    /mean of length 1 or 3, got length 2/,
  ],
  ['std of zero', { x: floats }, [image([1, 4])], { std: [0] }, /std other than 0/],
  [
    'bgr of two channels',
    { x: floats },
    [image([1, 4])],
    { channelOrder: 'bgr' },
    /3 channels to reverse for bgr, got 4/,
  ],
  [
    'no samples',
    { x: { type: 'float', shape: [0, 4], data: new Float32Array(0) } },
    [image([1, 4])],
    {},
    /at least one sample, got 0/,
  ],
  [
    'inputs of different length',
    { x: floats, y: { type: 'float', shape: [1, 4], data: new Float32Array(4) } },
    [
      { name: 'x', type: 'float', shape: [1, 4] },
      { name: 'y', type: 'float', shape: [1, 4] },
    ],
    {},
    /array y: expected 2 samples, got 1/,
  ],
];

test('refused: a preparation of an input that the model does not have', async (t) => {
  const path = await write(t, { x: floats });
  const opened = openDataSet(path, { inputs: [image([1, 4])], preparation: { imgae: {} } });
  await t.throwsAsync(opened, {
    code: 'DATA_MISMATCH',
    message: /imgae: expected a model input to prepare \(image\)/,
  });
});

for (const [what, arrays, inputs, preparation, message] of mismatches) {
  test(`refused: ${what}`, async (t) => {
    const path = await write(t, arrays);
    const named = inputs.length === 1 ? { image: preparation } : {};
    const opened = openDataSet(path, { inputs, preparation: named });
    await t.throwsAsync(opened, { code: 'DATA_MISMATCH', message });
  });
}
