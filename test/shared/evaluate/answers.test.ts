// Metrics judge models of every kind of answer in its measure, or are refused.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Metric } from '../../../shared/evaluate/metrics.ts';
import { writeNpz } from '../../../shared/evaluate/npz.ts';
import { metricValue } from '../../../shared/evaluate/outcome.ts';
import { measureQuality, measureSource } from '../../../shared/evaluate/quality.ts';
import type { ElementType, Node, Tensor, ValueInfo } from '../../../shared/onnx/graph.ts';
import { writeModel } from '../../../shared/onnx/write.ts';
import { createRandom } from '../../../shared/random.ts';
import { temporaryFolder } from '../../support/fettle.ts';
import {
  floats,
  graphOf,
  int64s,
  ints,
  modelOf,
  nodeOf,
  valueNamed,
} from '../../support/graphs.ts';

interface Parts {
  readonly nodes: Node[];
  readonly input: ValueInfo;
  readonly outputs: readonly ValueInfo[];
  readonly initializers?: Record<string, Tensor>;
}

async function fileOf(t: ExecutionContext, parts: Parts): Promise<string> {
  const { nodes, input, outputs, initializers = {} } = parts;
  const { graph, ...rest } = modelOf(
    graphOf({ nodes, inputs: [input], outputs: [], initializers }),
  );
  const path = join(temporaryFolder(t), 'model.onnx');
  await writeFile(path, writeModel({ ...rest, graph: { ...graph, outputs: [...outputs] } }));
  return path;
}

async function dataOf(
  t: ExecutionContext,
  rows: readonly (readonly number[])[],
  { shape, labels }: { shape: readonly number[]; labels?: readonly number[] },
): Promise<string> {
  const path = join(temporaryFolder(t), 'data.npz');
  const data = Float32Array.from(rows.flat());
  await writeNpz(path, {
    x: { type: 'float', shape: [rows.length, ...shape], data },
    ...(labels && {
      labels: {
        ...{ type: 'int64', shape: [labels.length], data: BigInt64Array.from(labels, BigInt) },
      },
    }),
  });
  return path;
}

const x = (...dims: (number | string)[]) => valueNamed('x', dims);
const y = (dims: (number | string)[], type: ElementType = 'float') => valueNamed('y', dims, type);
const unary = (op: string) => [nodeOf(op, { inputs: ['x'], outputs: ['y'] })];
const ask = (modelPath: string, dataPath: string, metric: Metric) => ({
  ...{ modelPath, dataPath, metric, threads: 1 },
});

test('one probability is the second of two classes from a half on', async (t) => {
  const model = await fileOf(t, {
    nodes: unary('Sigmoid'),
    input: x('N', 1),
    outputs: [y(['N', 1])],
  });
  const rows = [[-2], [-1], [1], [3]];
  const data = await dataOf(t, rows, { shape: [1], labels: [0, 1, 1, 1] });
  t.is(metricValue(await measureSource(ask(model, data, 'top1'))), 0.75);
  const logits = await fileOf(t, {
    nodes: unary('Identity'),
    input: x('N', 1),
    outputs: [y(['N', 1])],
  });
  t.is(metricValue(await measureSource(ask(logits, data, 'top1'))), 0.75, 'a logit above zero');
  const negated = await fileOf(t, {
    nodes: [
      nodeOf('Neg', { inputs: ['x'], outputs: ['n'] }),
      nodeOf('Sigmoid', { inputs: ['n'], outputs: ['y'] }),
    ],
    input: x('N', 1),
    outputs: [y(['N', 1])],
  });
  const { quality } = await measureQuality({
    ...ask(negated, data, 'agreement'),
    source: { path: model },
  });
  t.is(quality.value, 0, 'the opposite never agrees');
  const beyond = await dataOf(t, rows, { shape: [1], labels: [0, 2, 1, 1] });
  await t.throwsAsync(measureSource(ask(model, beyond, 'top1')), {
    message: /expected classes from 0 to 1, got 2/,
  });
});

test('one number that is no probability has no class to agree on', async (t) => {
  const model = await fileOf(t, {
    nodes: unary('Identity'),
    input: x('N', 1),
    outputs: [y(['N', 1])],
  });
  const negated = await fileOf(t, {
    nodes: unary('Neg'),
    input: x('N', 1),
    outputs: [y(['N', 1])],
  });
  const data = await dataOf(t, [[-2], [31], [17], [3]], { shape: [1] });
  const against = { source: { path: model } };
  await t.throwsAsync(measureQuality({ ...ask(negated, data, 'agreement'), ...against }), {
    code: 'METRIC_IMPOSSIBLE',
    message: /one number a sample, which names no class: take sqnr or mse/,
  });
  const { quality } = await measureQuality({ ...ask(negated, data, 'sqnr'), ...against });
  t.is(quality.value.toFixed(1), '-6.0');
});

const argMax = nodeOf(
  'ArgMax',
  { inputs: ['x'], outputs: ['label'] },
  ['axis', { kind: 'int', value: 1 }],
  ['keepdims', { kind: 'int', value: 0 }],
);
const softmax = nodeOf('Softmax', { inputs: ['x'], outputs: ['y'] });
const label = valueNamed('label', ['N'], 'int64');
const ranked = [
  [3, 1, 2, 0, 0, 0],
  [0, 9, 8, 1, 2, 3],
  [5, 4, 6, 1, 2, 3],
];

for (const [name, outputs] of Object.entries({
  'a label before probabilities': [label, y(['N', 6])],
  'a label behind probabilities': [y(['N', 6]), label],
  'a label alone': [label],
})) {
  test(`classes are told from ${name}`, async (t) => {
    const nodes = [argMax, softmax].filter((node) =>
      outputs.some((output) => node.outputs.includes(output.name)),
    );
    const model = await fileOf(t, { nodes, input: x('N', 6), outputs });
    const data = await dataOf(t, ranked, { shape: [6], labels: [0, 1, 1] });
    t.is(metricValue(await measureSource(ask(model, data, 'top1'))), 2 / 3);
    const agreement = await measureSource(ask(model, data, 'agreement'));
    t.is(new Set(agreement.classes).size, 3);
    if (name.endsWith('alone')) {
      await t.throwsAsync(measureSource(ask(model, data, 'top5')), { message: /does not rank/ });
    } else t.is(metricValue(await measureSource(ask(model, data, 'top5'))), 1);
  });
}

test('a metric that any answer would pass is refused', async (t) => {
  const model = await fileOf(t, {
    nodes: unary('Identity'),
    input: x('N', 4),
    outputs: [y(['N', 4])],
  });
  const rows = [
    [1, 2, 3, 4],
    [4, 3, 2, 1],
  ];
  const data = await dataOf(t, rows, { shape: [4], labels: [3, 0] });
  await t.throwsAsync(measureSource(ask(model, data, 'top5')), {
    code: 'METRIC_IMPOSSIBLE',
    message: /1 for any answer/,
  });
  t.is(metricValue(await measureSource(ask(model, data, 'top1'))), 1);
});

/** Classes by channel, on maps; and by the last axis, in sequences. */
const places = {
  'a map, channels first': { dims: [3, 4, 4], axis: 0 },
  'a map, channels last': { dims: [4, 4, 3], axis: 2 },
  'a sequence': { dims: [16, 3], axis: 1 },
  'labels of a map': { dims: [3, 4, 4], axis: 0, argMax: true },
};

for (const [name, { dims, axis, ...more }] of Object.entries(places)) {
  test(`agreement is the share of places with the same class: ${name}`, async (t) => {
    const random = createRandom(5);
    const rows = Array.from({ length: 6 }, () => Array.from({ length: 48 }, () => random()));
    const data = await dataOf(t, rows, { shape: dims });
    const bias = dims.map((_, at) => (at === axis ? 3 : 1));
    const labels = 'argMax' in more;
    const outputDims = labels ? ['N', 4, 4] : ['N', ...dims];
    const model = (shift: readonly number[]) =>
      fileOf(t, {
        nodes: [
          nodeOf('Add', { inputs: ['x', 'b'], outputs: [labels ? 's' : 'y'] }),
          ...(labels
            ? [
                nodeOf(
                  'ArgMax',
                  { inputs: ['s'], outputs: ['y'] },
                  ['axis', { kind: 'int', value: 1 }],
                  ['keepdims', { kind: 'int', value: 0 }],
                ),
              ]
            : []),
        ],
        input: x('N', ...dims),
        outputs: [y(outputDims, labels ? 'int64' : 'float')],
        initializers: { b: floats([1, ...bias], shift) },
      });
    const [source, near, far] = [
      await model([0, 0, 0]),
      await model([0.15, 0, 0]),
      await model([5, 0, 0]),
    ];
    const qualityOf = async (modelPath: string) => {
      const made = await measureQuality({
        ...ask(modelPath, data, 'agreement'),
        source: { path: source },
      });
      return made.quality;
    };
    const close = await qualityOf(near);
    t.true(close.value > 0.7 && close.value < 1, `${close.value}`);
    t.true(Math.abs(close.drop - (1 - close.value)) < 1e-9);
    const { value } = await qualityOf(far);
    t.true(value > 0.2 && value < 0.5, `${value}`);
    await t.throwsAsync(
      measureSource(
        ask(source, await dataOf(t, rows, { shape: dims, labels: [0, 1, 2, 0, 1, 2] }), 'top1'),
      ),
      { message: /many classes a sample/ },
    );
  });
}

test('boxes that were selected are compared as sets', async (t) => {
  const nodes = [
    nodeOf('Split', { inputs: ['x', 'sizes'], outputs: ['corners', 'rest'] }, [
      'axis',
      { kind: 'int', value: 2 },
    ]),
    nodeOf('Transpose', { inputs: ['rest'], outputs: ['scores'] }, ['perm', ints(0, 2, 1)]),
    nodeOf('NonMaxSuppression', {
      inputs: ['corners', 'scores', 'most', 'overlap'],
      outputs: ['y'],
    }),
  ];
  const initializers = { sizes: int64s([4, 1]), most: int64s([10]), overlap: floats([1], [0.5]) };
  const model = (shift: number) =>
    fileOf(t, {
      nodes: [
        nodeOf('Add', { inputs: ['x', 'shift'], outputs: ['moved'] }),
        ...nodes.map((node) => ({
          ...node,
          inputs: node.inputs.map((input) => (input === 'x' ? 'moved' : input)),
        })),
      ],
      input: x(1, 4, 5),
      outputs: [y(['K', 3], 'int64')],
      initializers: { ...initializers, shift: floats([1, 4, 5], orderShift(shift)) },
    });
  const apart = [0, 1, 2, 3].flatMap((at) => [at, at, at + 0.9, at + 0.9, 0.5 + at / 10]);
  const data = await dataOf(t, [apart, apart], { shape: [4, 5] });
  const source = { path: await model(0) };
  const other = await measureQuality({ ...ask(await model(0.3), data, 'agreement'), source });
  t.is(other.quality.value, 1, 'the same boxes in another order');
});

/** Changes the order of scores, not which boxes there are. */
function orderShift(by: number): number[] {
  return [0, 1, 2, 3].flatMap((at) => [0, 0, 0, 0, at === 0 ? by : 0]);
}
