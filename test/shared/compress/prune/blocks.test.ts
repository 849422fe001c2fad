import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { copyModel } from '../../../../shared/compress/canonical/copy.ts';
import { prunedModel } from '../../../../shared/compress/prune/apply.ts';
import { blocksOf } from '../../../../shared/compress/prune/blocks.ts';
import { measurePruning } from '../../../../shared/compress/prune/measure.ts';
import { pruningNotes } from '../../../../shared/compress/prune/report.ts';
import { withoutBlocks } from '../../../../shared/compress/prune/without-blocks.ts';
import type { Recipe } from '../../../../shared/compress/recipe.ts';
import { inputsOf } from '../../../../shared/compress/source.ts';
import { openDataSet } from '../../../../shared/evaluate/dataset.ts';
import { writeNpz } from '../../../../shared/evaluate/npz.ts';
import type { Model } from '../../../../shared/onnx/graph.ts';
import { inferShapes } from '../../../../shared/onnx/shapes.ts';
import { createRandom } from '../../../../shared/random.ts';
import { worstDifference } from '../../../support/agree.ts';
import { floats, graphOf, ints, modelOf, nodeOf, valueNamed } from '../../../support/graphs.ts';

const random = createRandom(3);

function values(count: number): number[] {
  return Array.from({ length: count }, () => random() - 0.5);
}

const pads = ['pads', ints(1, 1, 1, 1)] as const;
const strides = ['strides', ints(2, 2)] as const;

/** Two blocks without a bound inside, so that one convolution can do all that they do. */
const model = copyModel(
  modelOf(
    graphOf({
      nodes: [
        nodeOf('Conv', { inputs: ['x', 'a1'], outputs: ['a'] }, pads),
        nodeOf('Conv', { inputs: ['a', 'a2'], outputs: ['b'] }),
        nodeOf('Add', { inputs: ['b', 'x'], outputs: ['c'] }),
        nodeOf('Relu', { inputs: ['c'], outputs: ['d'] }),
        nodeOf('Conv', { inputs: ['d', 'b1'], outputs: ['e'] }, pads, strides),
        nodeOf('Conv', { inputs: ['e', 'b2'], outputs: ['f'] }),
        nodeOf('Conv', { inputs: ['d', 'b3'], outputs: ['g'] }, strides),
        nodeOf('Add', { inputs: ['g', 'f'], outputs: ['h'] }),
        nodeOf('Relu', { inputs: ['h'], outputs: ['y'] }),
      ],
      inputs: [valueNamed('x', [1, 4, 8, 8])],
      outputs: ['y'],
      initializers: {
        a1: floats([4, 4, 3, 3], values(144)),
        a2: floats([4, 4, 1, 1], values(16)),
        b1: floats([6, 4, 3, 3], values(216)),
        b2: floats([6, 6, 1, 1], values(36)),
        b3: floats([6, 4, 1, 1], values(24)),
      },
    }),
  ),
);

test('blocks are found with their shortcuts, and their replacements fit', (t) => {
  const blocks = blocksOf(model);
  t.deepEqual(
    blocks.map(({ name, inputs, outputs, strides: own, shortcut }) => [
      name,
      inputs,
      outputs,
      own,
      shortcut !== null,
    ]),
    [
      ['c', 4, 4, [1, 1], false],
      ['h', 4, 6, [2, 2], true],
    ],
  );
  const replaced = withoutBlocks(model, { replaced: blocks.map(({ name }) => name), dropped: [] });
  t.deepEqual(
    replaced.graph.nodes.map(({ op }) => op),
    ['Conv', 'Relu', 'Conv', 'Relu'],
  );
  t.deepEqual(inferShapes(replaced).get('y')?.dims, [1, 6, 4, 4]);
});

test('a block that one convolution can do is done by it', async (t) => {
  const record = await measured(t, model, { blocks: 2 });
  t.deepEqual(record.blocks, ['c', 'h']);
  // The pull towards the shortcut alone keeps it from being exact.
  t.true((await worstDifference(model, prunedModel(model, record))) < 0.02);
});

/** One block of single positions, behind a layer whose bound never holds. */
const behindLayer = copyModel(
  modelOf(
    graphOf({
      nodes: [
        nodeOf('Conv', { inputs: ['x', 's', 'sb'], outputs: ['stem'] }),
        nodeOf('Relu', { inputs: ['stem'], outputs: ['a'] }),
        nodeOf('Conv', { inputs: ['a', 'b1'], outputs: ['b'] }),
        nodeOf('Conv', { inputs: ['b', 'b2'], outputs: ['c'] }),
        nodeOf('Add', { inputs: ['c', 'a'], outputs: ['sum'] }),
        nodeOf('Relu', { inputs: ['sum'], outputs: ['d'] }),
        nodeOf('Conv', { inputs: ['d', 'h'], outputs: ['y'] }),
      ],
      inputs: [valueNamed('x', [1, 4, 8, 8])],
      outputs: ['y'],
      initializers: {
        s: floats([4, 4, 1, 1], values(16)),
        sb: floats([4], [3, 3, 3, 3]),
        b1: floats([4, 4, 1, 1], values(16)),
        b2: floats([4, 4, 1, 1], values(16)),
        h: floats([2, 4, 1, 1], values(8)),
      },
    }),
  ),
);

test('the layer before a dropped block takes its part', async (t) => {
  t.deepEqual(
    blocksOf(behindLayer).map(({ name, droppable }) => [name, droppable]),
    [['sum', true]],
  );
  const record = await measured(t, behindLayer, { dropped: 1 });
  t.deepEqual([record.blocks, record.dropped], [[], ['sum']]);
  const dropped = prunedModel(behindLayer, record);
  t.deepEqual(
    dropped.graph.nodes.map(({ op }) => op),
    ['Conv', 'Relu', 'Conv'],
  );
  t.true((await worstDifference(behindLayer, dropped)) < 0.02);
});

test('a block that something else than a layer feeds cannot be dropped', async (t) => {
  t.deepEqual(
    blocksOf(model).map(({ droppable }) => droppable),
    [false, false],
  );
  const thrown = await t.throwsAsync(measured(t, model, { dropped: ['c'] }));
  t.regex(thrown?.message ?? '', /c is no residual block that can go/);
});

test('where there are fewer blocks than were asked for, that is said', (t) => {
  const record = { blocks: ['c'], removed: {}, weights: {} };
  const notes = pruningNotes(record, { v: 1, bits: 32, blocks: 3, dropped: 2 });
  t.deepEqual(notes, [
    '1 residual block (c) became one convolution each; 0 layers were fitted again.',
    '3 residual blocks were to be replaced; the model has 1 that can be.',
    '2 residual blocks were to be dropped; the model has 0 that can be.',
  ]);
});

async function measured(t: ExecutionContext, source: Model, recipe: Partial<Recipe>) {
  const folder = await mkdtemp(join(tmpdir(), 'fettle-blocks-test-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const path = join(folder, 'calibration.npz');
  const data = Float32Array.from(values(64 * 4 * 8 * 8));
  await writeNpz(path, { x: { type: 'float', shape: [64, 4, 8, 8], data } });
  return measurePruning(source, recipe, {
    dataSet: await openDataSet(path, { inputs: inputsOf(source) }),
    rounding: { channels: 16, fewChannels: 8, few: 32 },
    signal: AbortSignal.timeout(120_000),
  });
}
