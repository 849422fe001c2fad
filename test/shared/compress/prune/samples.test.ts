import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { PruneRun } from '../../../../shared/compress/prune/run.ts';
import { samples } from '../../../../shared/compress/prune/samples.ts';
import { openDataSet } from '../../../../shared/evaluate/dataset.ts';
import { writeNpz } from '../../../../shared/evaluate/npz.ts';
import { openProducts } from '../../../../shared/linear/product.ts';

test('a picture is seen as it is, mirrored and moved, in either layout', async (t) => {
  const size = 16;
  // A pixel says where it stands.
  const at = (y: number, x: number) => 100 * y + x;
  const first = (data: Float32Array, step: number) =>
    [0, 1, size - 1, size].map((place) => data[place * step]);
  const expected = [
    [at(0, 0), at(0, 1), at(0, 15), at(1, 0)],
    [at(0, 15), at(0, 14), at(0, 0), at(1, 15)],
    [at(1, 1), at(1, 2), at(1, 15), at(2, 1)],
    [at(0, 15), at(0, 15), at(0, 1), at(0, 15)],
  ];
  for (const [shape, step] of [
    [[1, 3, size, size], 1],
    [[1, size, size, 3], 3],
  ] as const) {
    const data = new Float32Array(3 * size * size);
    for (let y = 0; y < size; y += 1) {
      for (let x = 0; x < size; x += 1) data[(y * size + x) * step] = at(y, x);
    }
    const views = await seen(t, shape, data);
    t.deepEqual(
      views.map((view) => first(view, step)),
      expected,
    );
  }
});

test('what is no picture is seen once', async (t) => {
  t.is((await seen(t, [1, 2, 16, 16], new Float32Array(512))).length, 1);
  t.is((await seen(t, [1, 3, 8], new Float32Array(24))).length, 1);
});

async function seen(t: ExecutionContext, shape: readonly number[], data: Float32Array) {
  const folder = await mkdtemp(join(tmpdir(), 'fettle-samples-test-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const path = join(folder, 'calibration.npz');
  await writeNpz(path, { x: { type: 'float', shape: [...shape], data } });
  const products = await openProducts(1);
  t.teardown(() => products.release());
  const run: PruneRun = {
    dataSet: await openDataSet(path, { inputs: [{ name: 'x', type: 'float', shape: [...shape] }] }),
    ...{ limit: 1, memoryBytes: 2 ** 20, threads: 1, importance: 'error', fit: true, products },
    signal: AbortSignal.timeout(60_000),
  };
  const views: Float32Array[] = [];
  for await (const { feeds } of samples(run)) {
    const tensor = feeds.x;
    if (tensor?.data instanceof Float32Array) views.push(tensor.data);
  }
  return views;
}
