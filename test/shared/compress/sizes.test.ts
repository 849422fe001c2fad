// A variant is never larger than its source, and nothing with weights goes without a word.
import test from 'ava';
import type { FileResult } from '../../../shared/compress/request.ts';
import { toFloat16 } from '../../../shared/evaluate/tensor.ts';
import type { Attribute, Model, Node, Tensor } from '../../../shared/onnx/graph.ts';
import { inspectModel } from '../../../shared/onnx/inspect.ts';
import { readModelFile } from '../../../shared/onnx/read.ts';
import {
  floats,
  graphOf,
  int64s,
  ints,
  modelOf,
  nodeOf,
  valueNamed,
} from '../../support/graphs.ts';
import { sceneOf, variantOf, weights } from '../../support/sizes.ts';

type Pair = readonly [string, Attribute];
const transB: Pair = ['transB', { kind: 'int', value: 1 }];
const toFloat: Pair = ['to', { kind: 'int', value: 1 }];

interface Case {
  readonly model: Model;
  /** Entries of the table that integers are places in. */
  readonly places?: number;
  /** At 8 bits: bytes at most, as a share of the source, and decibels at least. */
  readonly share: number;
  readonly sqnrDb: number;
  /** Operators of layers that compute in integers at 8 bits. */
  readonly integer: readonly string[];
}

function gemm(inputs: string[], output: string): Node {
  return nodeOf('Gemm', { inputs, outputs: [output] }, transB);
}

function model(
  nodes: Node[],
  initializers: Record<string, Tensor>,
  inputs = [valueNamed('x', ['N', 32])],
): Model {
  const { graph, ...rest } = modelOf(graphOf({ nodes, inputs, outputs: [], initializers }));
  return { ...rest, graph: { ...graph, outputs: [{ name: 'y', type: 'float', dims: null }] } };
}

function bytes(dims: readonly number[], seed: number): Tensor {
  const { bytes: from } = weights(dims, seed);
  const values = new Float32Array(from.buffer);
  const peak = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const integers = Int8Array.from(values, (value) => Math.round((value / peak) * 120));
  return { type: 'int8', dims, bytes: new Uint8Array(integers.buffer) };
}

function half(dims: readonly number[], seed: number): Tensor {
  const values = new Float32Array(weights(dims, seed).bytes.buffer);
  const bits = Uint16Array.from(values, toFloat16);
  return { type: 'float16', dims, bytes: new Uint8Array(bits.buffer) };
}

/** Blocks of two products that all use the same two matrices. */
function sharing(count: number, rank: 2 | 3): Model {
  const nodes = Array.from({ length: count }, (_, at) => {
    const from = at === 0 ? 'x' : `b${at - 1}`;
    return [
      nodeOf('MatMul', { inputs: [from, 'up'], outputs: [`u${at}`] }),
      nodeOf('Relu', { inputs: [`u${at}`], outputs: [`r${at}`] }),
      nodeOf('MatMul', { inputs: [`r${at}`, 'down'], outputs: [`d${at}`] }),
      nodeOf('Add', { inputs: [from, `d${at}`], outputs: [at === count - 1 ? 'y' : `b${at}`] }),
    ];
  });
  const dims = rank === 2 ? ['N', 32] : ['N', 6, 32];
  const initializers = { up: weights([32, 64], 1), down: weights([64, 32], 2) };
  return model(nodes.flat(), initializers, [valueNamed('x', dims)]);
}

/** Two branches through the same layer, with a bound that no quantizer follows. */
function siamese(op: 'Gemm' | 'MatMul', bound: Node['op']): Model {
  const weight = op === 'Gemm' ? weights([64, 48], 1) : weights([48, 64], 1);
  const clip = bound === 'Clip' ? ['low', 'high'] : [];
  const branch = (input: string): Node[] => [
    op === 'Gemm'
      ? gemm([input, 'w'], `${input}1`)
      : nodeOf('MatMul', { inputs: [input, 'w'], outputs: [`${input}1`] }),
    nodeOf(bound, { inputs: [`${input}1`, ...clip], outputs: [`${input}2`] }),
  ];
  const nodes = [
    ...[...branch('a'), ...branch('b')],
    nodeOf('Sub', { inputs: ['a2', 'b2'], outputs: ['s'] }),
    gemm(['s', 'v'], 'y'),
  ];
  const limits = { low: floats([], [-0.5]), high: floats([], [2]) };
  const initializers = { w: weight, v: weights([8, 64], 3), ...(clip.length > 0 && limits) };
  const inputs = ['a', 'b'].map((name) => valueNamed(name, ['N', 48]));
  return model(nodes, initializers, inputs);
}

/** Two layers whose weights are made of others by a Cast. */
function behindCast(make: (dims: readonly number[], seed: number) => Tensor, scaled: boolean) {
  const layer = (at: number, [from, to]: readonly [string, string]): Node[] => [
    nodeOf('Cast', { inputs: [`w${at}`], outputs: [`c${at}`] }, toFloat),
    ...(scaled ? [nodeOf('Mul', { inputs: [`c${at}`, `s${at}`], outputs: [`m${at}`] })] : []),
    gemm([from, scaled ? `m${at}` : `c${at}`], to),
  ];
  const nodes = [
    ...layer(1, ['x', 'h']),
    nodeOf('Relu', { inputs: ['h'], outputs: ['r'] }),
    ...layer(2, ['r', 'y']),
  ];
  const scales = { s1: floats([96, 1], Array(96).fill(1 / 400)), s2: floats([1], [1 / 600]) };
  const own = { w1: make([96, 32], 1), w2: make([64, 96], 2) };
  return model(nodes, { ...own, ...(scaled && scales) });
}

/** A layer of one operator, and a small one behind it. */
function before(
  nodes: Node[],
  initializers: Record<string, Tensor>,
  { inputs, width }: { inputs: ReturnType<typeof valueNamed>[]; width: number },
): Model {
  const all = { ...initializers, last: weights([8, width], 9) };
  return model([...nodes, gemm(['h', 'last'], 'y')], all, inputs);
}

const flat = (input: string) => nodeOf('Flatten', { inputs: [input], outputs: ['h'] });
const hidden: Pair = ['hidden_size', { kind: 'int', value: 24 }];

/** The last state of a recurrent layer of 24 units; `gates` of them a unit. */
function recurrent(op: 'LSTM' | 'GRU' | 'RNN', gates: number): Model {
  return before(
    [
      nodeOf('Transpose', { inputs: ['x'], outputs: ['t'] }, ['perm', ints(1, 0, 2)]),
      nodeOf(op, { inputs: ['t', 'w', 'r'], outputs: ['all', 'last_state'] }, hidden),
      nodeOf('Squeeze', { inputs: ['last_state', 'zero'], outputs: ['h'] }),
    ],
    {
      ...{ w: weights([1, 24 * gates, 16], 1), r: weights([1, 24 * gates, 24], 2) },
      zero: int64s([0]),
    },
    { inputs: [valueNamed('x', ['N', 10, 16])], width: 24 },
  );
}

const image = (...dims: number[]) => [valueNamed('x', ['N', ...dims])];

const cases: Readonly<Record<string, Case>> = {
  'weights that six blocks share': {
    ...{ model: sharing(6, 3), share: 0.75, sqnrDb: 30, integer: Array(12).fill('MatMul') },
  },
  'weights that three blocks share': {
    ...{ model: sharing(3, 2), share: 0.6, sqnrDb: 30, integer: Array(6).fill('Gemm') },
  },
  'a Gemm that two branches share, before Relu': {
    ...{ model: siamese('Gemm', 'Relu'), share: 0.5, sqnrDb: 28, integer: Array(3).fill('Gemm') },
  },
  'a Gemm that two branches share, before Clip': {
    ...{ model: siamese('Gemm', 'Clip'), share: 0.5, sqnrDb: 28, integer: Array(3).fill('Gemm') },
  },
  'a MatMul that two branches share, before Relu': {
    ...{ model: siamese('MatMul', 'Relu'), share: 0.5, sqnrDb: 28 },
    integer: Array(3).fill('Gemm'),
  },
  'integers behind Cast and Mul': {
    ...{ model: behindCast(bytes, true), share: 1, sqnrDb: 30, integer: [] },
  },
  'float16 behind Cast': {
    ...{ model: behindCast(half, false), share: 0.75, sqnrDb: 30, integer: ['Gemm', 'Gemm'] },
  },
  'a table that is looked up': {
    model: before(
      [nodeOf('Gather', { inputs: ['table', 'x'], outputs: ['e'] }), flat('e')],
      { table: weights([300, 16], 1) },
      { inputs: [valueNamed('x', ['N', 4], 'int64')], width: 64 },
    ),
    ...{ places: 300, share: 0.4, sqnrDb: 28, integer: ['Gemm'] },
  },
  'a long short-term memory': {
    ...{ model: recurrent('LSTM', 4), share: 0.4, sqnrDb: 30, integer: ['Gemm'] },
  },
  'a gated recurrent unit': {
    ...{ model: recurrent('GRU', 3), share: 0.4, sqnrDb: 30, integer: ['Gemm'] },
  },
  'a recurrent network': {
    ...{ model: recurrent('RNN', 1), share: 0.75, sqnrDb: 28, integer: ['Gemm'] },
  },
  'a transposed convolution': {
    model: before(
      [nodeOf('ConvTranspose', { inputs: ['x', 'w'], outputs: ['c'] }), flat('c')],
      { w: weights([12, 16, 3, 3], 1) },
      { inputs: image(12, 1, 1), width: 144 },
    ),
    ...{ share: 0.45, sqnrDb: 28, integer: ['Gemm'] },
  },
  'a convolution of three dimensions': {
    model: before(
      [nodeOf('Conv', { inputs: ['x', 'w'], outputs: ['c'] }), flat('c')],
      { w: weights([16, 4, 3, 3, 3], 1) },
      { inputs: image(4, 3, 3, 3), width: 16 },
    ),
    ...{ share: 0.45, sqnrDb: 28, integer: ['Gemm'] },
  },
  'weights on the left': {
    model: before(
      [nodeOf('MatMul', { inputs: ['w', 'x'], outputs: ['m'] }), flat('m')],
      { w: weights([48, 32], 1) },
      { inputs: image(32, 2), width: 96 },
    ),
    ...{ share: 0.5, sqnrDb: 28, integer: ['Gemm'] },
  },
  'a batch of matrices': {
    model: before(
      [nodeOf('MatMul', { inputs: ['x', 'w'], outputs: ['m'] }), flat('m')],
      { w: weights([4, 16, 24], 1) },
      { inputs: image(4, 2, 16), width: 192 },
    ),
    ...{ share: 0.5, sqnrDb: 28, integer: ['Gemm'] },
  },
  'a sum over products, by its equation': {
    model: before(
      [
        nodeOf('Einsum', { inputs: ['x', 'w'], outputs: ['m'] }, [
          'equation',
          { kind: 'string', value: 'bhi,hio->bho' },
        ]),
        flat('m'),
      ],
      { w: weights([4, 16, 24], 1) },
      { inputs: image(4, 16), width: 96 },
    ),
    ...{ share: 0.5, sqnrDb: 28, integer: ['Gemm'] },
  },
};

const settings = [
  { bits: 8 },
  { bits: 32 },
  { bits: 16 },
  { bits: 4 },
  { bits: 8, activations: 32 },
  { bits: 32, keep: 0.75 },
] as const;

const layered = new Set(['Conv', 'ConvTranspose', 'Gemm', 'MatMul', 'LSTM', 'GRU', 'RNN']);

/** Every layer is there with its reason, and inspecting the source says the same of each. */
async function assertSaid(
  t: { is: (a: unknown, b: unknown, message?: string) => boolean; true: (a: boolean) => boolean },
  modelPath: string,
  { layers, recipe }: FileResult,
): Promise<void> {
  if (recipe.source) return;
  const source = await readModelFile(modelPath);
  const { layers: seen, quantizable } = inspectModel(source);
  t.is(layers.length, seen.length, 'as many layers as inspect names');
  t.true(layers.every(({ reason }) => reason.length > 0));
  if (recipe.bits !== 8 || recipe.activations === 32) return;
  const able = quantizable.filter(({ op, quantizable: can }) => can && layered.has(op)).length;
  const integer = layers.filter(({ compute }) => compute === 'integer').length;
  t.is(integer, able, 'what inspect calls quantizable computes in integers');
}

for (const [name, { model: source, places, share, sqnrDb, integer }] of Object.entries(cases)) {
  test(`never larger, all of it said: ${name}`, async (t) => {
    t.timeout(300_000);
    const scene = await sceneOf(t, source, places);
    for (const recipe of settings) {
      const made = await variantOf(scene, recipe);
      const what = JSON.stringify(recipe);
      t.true(made.bytes <= scene.sourceBytes, `${what}: ${made.bytes} of ${scene.sourceBytes}`);
      await assertSaid(t, scene.modelPath, made);
      if (recipe.bits === 32 && !('keep' in recipe)) t.true(made.sqnrDb > 100, what);
      if (recipe.bits !== 8 || 'activations' in recipe) continue;
      const bytesMost = Math.ceil(share * scene.sourceBytes);
      t.true(made.bytes <= bytesMost, `${made.bytes} bytes, at most ${bytesMost} expected`);
      t.true(made.sqnrDb >= sqnrDb, `${made.sqnrDb} dB, at least ${sqnrDb} expected`);
      const computing = made.layers.filter(({ compute }) => compute === 'integer');
      t.deepEqual(
        computing.map(({ op }) => op),
        integer,
      );
      t.false(made.notes.some((note) => note.includes('unpacked at every inference')));
    }
  });
}
