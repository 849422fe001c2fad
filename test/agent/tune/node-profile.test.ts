import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import * as v from 'valibot';
import { runChild } from '../../../agent/measured-child.ts';
import { feedsFor } from '../../../agent/tune/feeds.ts';
import { layersByName } from '../../../agent/tune/layer-names.ts';
import { layerMicroseconds } from '../../../agent/tune/node-profile.ts';
import { NodeProfileAnswer } from '../../../agent/tune/trial-protocol.ts';
import { recipeName } from '../../../shared/compress/recipe.ts';
import { openSession } from '../../../shared/evaluate/runtime.ts';
import { readModelFile } from '../../../shared/onnx/read.ts';
import { nodeOf } from '../../support/graphs.ts';
import { int8, plan } from '../../support/trials/figures.ts';
import { digitsSource } from '../../support/trials/variants.ts';

const folder = mkdtempSync(join(tmpdir(), 'fettle-node-profile-'));
/** Builds each variant once. */
const digits = digitsSource(folder);
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

test.serial('all layers of real variants are found in one process, with their time', async (t) => {
  const { signal } = new AbortController();
  const narrow = await (await digits).get(int8, { signal });
  const float = await (await digits).get({ v: 1, bits: 32 }, { signal });
  const layers = (narrow.layers ?? []).map(({ name }) => name);
  t.true(layers.length > 5);
  const said: unknown[] = [];
  const { failure } = await runChild({
    module: new URL('../../../agent/tune/node-profile-child.ts', import.meta.url),
    request: {
      ...{ files: [narrow, float], folder, plan: plan(), layers },
      ...{ runsMin: 5, runsMax: 10, seconds: 1 },
    },
    ...{ timeoutMs: 120_000, memoryLimitMiB: null, niceness: 0, signal },
    onLine: (line) => said.push(line),
  });
  t.is(failure, null);
  t.is(said.pop(), null);
  const answers = v.parse(v.array(NodeProfileAnswer), said);
  t.is(answers.length, 2);
  for (const { layerUs } of answers) {
    t.is(layerUs?.length, layers.length);
    t.true(layerUs?.every((microseconds) => (microseconds ?? 0) > 0));
  }
});

const event = (name: string, op: string, more: { dur: number; ts: number; index: number }) => ({
  ...{ cat: 'Node', pid: 1, tid: 1, ph: 'X', name: `${name}_kernel_time` },
  ...{ dur: more.dur, ts: more.ts },
  args: { op_name: op, node_index: `${more.index}`, provider: 'CPUExecutionProvider' },
});

test('what lies between two layers belongs to the first of them', (t) => {
  const run = (ts: number, slower = 0) => [
    event('q', 'QuantizeLinear', { dur: 5, ts, index: 0 }),
    event('conv1', 'QLinearConv', { dur: 50 + slower, ts: ts + 10, index: 1 }),
    event('pool', 'MaxPool', { dur: 7, ts: ts + 80, index: 2 }),
    event('conv2', 'FusedConv', { dur: 30, ts: ts + 90, index: 3 }),
    event('fc', 'Gemm', { dur: 3, ts: ts + 130, index: 4 }),
  ];
  const session = { cat: 'Session', name: 'model_run', dur: 1, ts: 0, args: {} };
  const trace = [session, ...run(100), ...run(1000, 500), ...run(2000)];
  t.deepEqual(layerMicroseconds(trace, 3), [62, 30, 3]);
});

test('another number of layers, or no trace at all, says nothing', (t) => {
  t.is(layerMicroseconds([event('c', 'Conv', { dur: 1, ts: 1, index: 0 })], 2), null);
  t.is(layerMicroseconds('not a trace', 1), null);
});

/** A block as in a residual network: what goes past it is written last. */
const block = [
  { ...nodeOf('Conv', { inputs: ['x', 'w1'], outputs: ['c1'] }), name: 'block/conv1/Conv' },
  {
    ...nodeOf('Relu', { inputs: ['c1'], outputs: ['block/Relu_output_0'] }),
    name: 'block/Relu_output_0',
  },
  nodeOf('Conv', { inputs: ['block/Relu_output_0', 'w2'], outputs: ['block/conv2_output_0'] }),
  { ...nodeOf('Conv', { inputs: ['x', 'w3'], outputs: ['c3'] }), name: 'block/conv1/Conv_1' },
  nodeOf('Add', { inputs: ['block/conv2_output_0', 'c3'], outputs: ['sum'] }),
  { ...nodeOf('Relu', { inputs: ['sum'], outputs: ['relued'] }), name: 'relued' },
  { ...nodeOf('MatMul', { inputs: ['relued', 'relued'], outputs: ['y'] }), name: 'square' },
];
const layers = ['block/conv1/Conv', 'block/conv2_output_0', 'block/conv1/Conv_1'];

const orders = {
  'blocked floats, named by what they make': [
    ['block/Relu_output_0_nchwc', 'Conv', 50],
    ['c3_nchwc', 'Conv', 4],
    ['block/conv2_output_0_nchwc', 'Conv', 90],
    ['square', 'MatMul', 2],
  ],
  'integers, the short branch first': [
    ['block/conv1/Conv_1_token_7', 'QLinearConv', 4],
    ['block/conv1/Conv_token_3', 'QLinearConv', 50],
    ['block/conv2_output_0_token_5', 'QLinearConv', 90],
    ['square', 'MatMul', 2],
  ],
} as const;

for (const [title, nodes] of Object.entries(orders)) {
  test(`branches that run in another order keep their own times: ${title}`, (t) => {
    const named = layersByName({ nodes: block }, layers);
    const trace = nodes.map(([name, op, dur], index) => event(name, op, { dur, ts: index, index }));
    t.deepEqual(layerMicroseconds(trace, 3, named), [50, 92, 4]);
  });
}

test('a layer that another variant has more is null, and the others keep their times', (t) => {
  const named = layersByName({ nodes: block.slice(0, 3) }, layers);
  const trace = [
    event('block/conv2_output_0', 'Conv', { dur: 90, ts: 2, index: 1 }),
    event('block/conv1/Conv', 'FusedConv', { dur: 50, ts: 1, index: 0 }),
  ];
  t.deepEqual(layerMicroseconds(trace, 3, named), [50, 90, null]);
});

test('names that tell nothing leave the order', (t) => {
  const named = layersByName({ nodes: [] }, ['a', 'b']);
  const nodes = [
    event('kernel_1', 'Conv', { dur: 5, ts: 1, index: 0 }),
    event('kernel_2', 'Conv', { dur: 3, ts: 2, index: 1 }),
  ];
  t.deepEqual(layerMicroseconds(nodes, 2, named), [5, 3]);
});

for (const recipe of [int8, { v: 1, source: true, bits: 32 } as const]) {
  test.serial(`every layer of a real ${recipeName(recipe)} is known by its name`, async (t) => {
    const source = await digits;
    const { signal } = new AbortController();
    const { path, layers: own = [] } = await source.get(recipe, { signal });
    const { layers: wanted = own } = await source.get(int8, { signal });
    const names = wanted.map(({ name }) => name);
    const prefix = join(folder, recipeName(recipe));
    const session = await openSession(path, { threads: 1, profilePrefix: prefix });
    await session.run(await feedsFor(session, null));
    await session.release();
    const file = readdirSync(folder).find((name) => join(folder, name).startsWith(`${prefix}_`));
    const trace = JSON.parse(readFileSync(join(folder, file ?? ''), 'utf8'));
    const named = layersByName((await readModelFile(path)).graph, names);
    const ops = ['Conv', 'FusedConv', 'NhwcFusedConv', 'QLinearConv', 'Gemm', 'FusedGemm', 'QGemm'];
    const found = v
      .parse(v.array(v.looseObject({ name: v.string(), args: v.looseObject({}) })), trace)
      .filter(({ name, args }) => /_kernel_time$/.test(name) && ops.includes(`${args.op_name}`))
      .map(({ name }) => named(name.replace(/_kernel_time$/, '')));
    t.deepEqual([...new Set(found)].toSorted(), [...names.keys()].toSorted());
  });
}
