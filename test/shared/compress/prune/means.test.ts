import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { canonicalise } from '../../../../shared/compress/canonical/canonicalise.ts';
import { prunedModel } from '../../../../shared/compress/prune/apply.ts';
import { layersBeforeMeans } from '../../../../shared/compress/prune/means.ts';
import { measurePruning } from '../../../../shared/compress/prune/measure.ts';
import { inputsOf } from '../../../../shared/compress/source.ts';
import { openDataSet } from '../../../../shared/evaluate/dataset.ts';
import { writeNpz } from '../../../../shared/evaluate/npz.ts';
import { createRandom } from '../../../../shared/random.ts';
import { worstDifference } from '../../../support/agree.ts';
import { floats, graphOf, ints, modelOf, nodeOf, valueNamed } from '../../../support/graphs.ts';

const random = createRandom(5);

function values(count: number): number[] {
  return Array.from({ length: count }, () => random() - 0.5);
}

/** Sixteen channels of which the last eight do again what the first eight do. */
const twice = (count: number) => {
  const once = values(count / 2);
  return [...once, ...once];
};

const pads = ['pads', ints(1, 1, 1, 1)] as const;

const { model } = canonicalise(
  modelOf(
    graphOf({
      nodes: [
        nodeOf('Conv', { inputs: ['x', 'a'], outputs: ['b'] }, pads),
        nodeOf('Relu', { inputs: ['b'], outputs: ['c'] }),
        nodeOf('Conv', { inputs: ['c', 'd'], outputs: ['e'] }, pads, [
          'group',
          { kind: 'int', value: 16 },
        ]),
        nodeOf('Relu', { inputs: ['e'], outputs: ['f'] }),
        nodeOf('GlobalAveragePool', { inputs: ['f'], outputs: ['g'] }),
        nodeOf('Flatten', { inputs: ['g'], outputs: ['h'] }),
        nodeOf('Gemm', { inputs: ['h', 'v', 'w'], outputs: ['y'] }),
      ],
      inputs: [valueNamed('x', [1, 3, 16, 16])],
      outputs: ['y'],
      initializers: {
        a: floats([16, 3, 3, 3], twice(16 * 27)),
        d: floats([16, 1, 3, 3], twice(16 * 9)),
        v: floats([16, 5], values(80)),
        w: floats([5], values(5)),
      },
    }),
  ),
);

test('a layer behind a mean gives the same before it', async (t) => {
  const exchanged = layersBeforeMeans(model);
  const ops = exchanged.graph.nodes.map(({ op }) => op);
  t.deepEqual(ops.slice(-3), ['Conv', 'GlobalAveragePool', 'Flatten']);
  t.is(exchanged.graph.nodes.filter(({ name }) => name === 'y').length, 1, 'the name stays');
  t.true((await worstDifference(model, exchanged)) < 1e-5);
});

test('channels that are there twice go without loss, depthwise layers with them', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'fettle-means-test-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const path = join(folder, 'calibration.npz');
  const data = Float32Array.from(values(16 * 3 * 16 * 16));
  await writeNpz(path, { x: { type: 'float', shape: [16, 3, 16, 16], data } });
  const record = await measurePruning(
    model,
    { keep: 0.5 },
    {
      dataSet: await openDataSet(path, { inputs: inputsOf(model) }),
      rounding: { channels: 16, fewChannels: 8, few: 32 },
      signal: AbortSignal.timeout(120_000),
    },
  );
  const [removed = []] = Object.values(record.removed);
  t.is(new Set(removed.map((place) => place % 8)).size, 8, 'one of each pair');
  t.deepEqual(Object.keys(record.weights), ['y'], 'what reads the same as before stays');
  t.true((await worstDifference(model, prunedModel(model, record))) < 0.02);
});
