import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { copyModel } from '../../../../shared/compress/canonical/copy.ts';
import { prunedModel } from '../../../../shared/compress/prune/apply.ts';
import { blocksOf, replaceBlocks } from '../../../../shared/compress/prune/blocks.ts';
import { measurePruning } from '../../../../shared/compress/prune/measure.ts';
import { inputsOf } from '../../../../shared/compress/source.ts';
import { openDataSet } from '../../../../shared/evaluate/dataset.ts';
import { writeNpz } from '../../../../shared/evaluate/npz.ts';
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
  const replaced = replaceBlocks(model, blocks);
  t.deepEqual(
    replaced.graph.nodes.map(({ op }) => op),
    ['Conv', 'Relu', 'Conv', 'Relu'],
  );
  t.deepEqual(inferShapes(replaced).get('y')?.dims, [1, 6, 4, 4]);
});

test('a block that one convolution can do is done by it', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'fettle-blocks-test-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const path = join(folder, 'calibration.npz');
  const data = Float32Array.from(values(64 * 4 * 8 * 8));
  await writeNpz(path, { x: { type: 'float', shape: [64, 4, 8, 8], data } });
  const record = await measurePruning(
    model,
    { blocks: 2 },
    {
      dataSet: await openDataSet(path, { inputs: inputsOf(model) }),
      rounding: { channels: 16, fewChannels: 8, few: 32 },
      signal: AbortSignal.timeout(120_000),
    },
  );
  t.deepEqual(record.blocks, ['c', 'h']);
  // The pull towards the shortcut alone keeps it from being exact.
  t.true((await worstDifference(model, prunedModel(model, record))) < 0.02);
});
