import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { copyModel } from '../../../../shared/compress/canonical/copy.ts';
import { prunedModel } from '../../../../shared/compress/prune/apply.ts';
import { measurePruning } from '../../../../shared/compress/prune/measure.ts';
import { inputsOf } from '../../../../shared/compress/source.ts';
import { openDataSet } from '../../../../shared/evaluate/dataset.ts';
import { writeNpz } from '../../../../shared/evaluate/npz.ts';
import type { Model } from '../../../../shared/onnx/graph.ts';
import { inferShapes } from '../../../../shared/onnx/shapes.ts';
import { createRandom } from '../../../../shared/random.ts';
import { worstDifference } from '../../../support/agree.ts';
import { floats, graphOf, ints, modelOf, nodeOf, valueNamed } from '../../../support/graphs.ts';

const random = createRandom(5);

function values(count: number): number[] {
  return Array.from({ length: count }, () => random() - 0.5);
}

/** rows × columns of rank 2. */
function ofRankTwo(rows: number, columns: number): number[] {
  const [left, right] = [values(rows * 2), values(2 * columns)];
  return Array.from({ length: rows * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    return [0, 1].reduce(
      (sum, k) => sum + (left[row * 2 + k] ?? 0) * (right[k * columns + column] ?? 0),
      0,
    );
  });
}

const convolution = copyModel(
  modelOf(
    graphOf({
      nodes: [
        nodeOf(
          'Conv',
          { inputs: ['x', 'w', 'b'], outputs: ['a'] },
          ['pads', ints(1, 1, 1, 1)],
          ['strides', ints(2, 2)],
        ),
        nodeOf('Relu', { inputs: ['a'], outputs: ['r'] }),
        nodeOf('Conv', { inputs: ['r', 'v'], outputs: ['y'] }),
      ],
      inputs: [valueNamed('x', [1, 4, 8, 8])],
      outputs: ['y'],
      initializers: {
        w: floats([6, 4, 3, 3], ofRankTwo(6, 36)),
        b: floats([6], values(6)),
        v: floats([3, 6, 1, 1], values(18)),
      },
    }),
  ),
);

const matrix = copyModel(
  modelOf(
    graphOf({
      nodes: [nodeOf('MatMul', { inputs: ['x', 'w'], outputs: ['y'] })],
      inputs: [valueNamed('x', [1, 12])],
      outputs: ['y'],
      initializers: { w: floats([12, 10], ofRankTwo(12, 10)) },
    }),
  ),
);

test('a layer of low rank becomes two that give the same', async (t) => {
  for (const [model, name, shape] of [
    [convolution, 'a', [64, 4, 8, 8]],
    [matrix, 'y', [64, 12]],
  ] as const) {
    const record = await measured(t, model, { shape, ranks: { [name]: 2 } });
    const split = prunedModel(model, record);
    t.is(split.graph.nodes.length, model.graph.nodes.length + 1);
    const [output = ''] = model.graph.outputs.map((one) => one.name);
    t.deepEqual(inferShapes(split).get(output)?.dims, inferShapes(model).get(output)?.dims);
    t.true((await worstDifference(model, split)) < 0.01, name);
    const again = prunedModel(model, JSON.parse(JSON.stringify(record)));
    t.is(await worstDifference(split, again), 0);
  }
});

test('what is no such layer, or a rank that saves nothing, is refused', async (t) => {
  const shape = [64, 12];
  await t.throwsAsync(measured(t, matrix, { shape, ranks: { other: 2 } }), {
    message: /other is no layer that can become two/,
  });
  await t.throwsAsync(measured(t, matrix, { shape, ranks: { y: 10 } }), {
    message: /rank 10 of y: expected at most 9/,
  });
});

async function measured(
  t: ExecutionContext,
  model: Model,
  { shape, ranks }: { shape: readonly number[]; ranks: Record<string, number> },
) {
  const folder = await mkdtemp(join(tmpdir(), 'fettle-factors-test-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const path = join(folder, 'calibration.npz');
  const data = Float32Array.from(values(shape.reduce((product, size) => product * size, 1)));
  await writeNpz(path, { x: { type: 'float', shape: [...shape], data } });
  return measurePruning(
    model,
    { ranks },
    {
      dataSet: await openDataSet(path, { inputs: inputsOf(model) }),
      rounding: { channels: 16, fewChannels: 8, few: 32 },
      signal: AbortSignal.timeout(300_000),
    },
  );
}
