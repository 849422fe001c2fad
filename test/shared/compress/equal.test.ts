// A variant computes what its source does: models of which a rewrite made something else.
import test from 'ava';
import type { Graph, Model, Node, Tensor } from '../../../shared/onnx/graph.ts';
import { fitted } from '../../support/fitted.ts';
import { floats, graphOf, ints, modelOf, valueNamed } from '../../support/graphs.ts';
import { node, one, text, wave } from '../../support/layers.ts';

interface Parts {
  readonly nodes: Node[];
  readonly input?: readonly (number | string)[];
  readonly constants: Readonly<Record<string, Tensor>>;
  readonly opset?: number;
}

function build({ nodes, input = [1, 6, 8, 8], constants, opset = 17 }: Parts): Model {
  const inputs = [valueNamed('x', input)];
  return modelOf(graphOf({ nodes, inputs, outputs: ['y'], initializers: constants }), opset);
}

const pads = ['pads', ints(1, 1, 1, 1)] as const;
const statistics = {
  gamma: wave([8], 1),
  beta: wave([8], 2),
  mean: wave([8], 3),
  variance: floats([8], [0.5, 1, 2, 0.1, 3, 0.7, 0.2, 1.5]),
};

function trained(...attributes: Parameters<typeof node>[2][]): Model {
  return build({
    nodes: [
      node('Conv', 'x w > c', pads),
      node('BatchNormalization', 'c gamma beta mean variance > n m v', ...attributes),
      node('Relu', 'n > r'),
      node('Conv', 'r w2 > d', pads),
      node('GlobalAveragePool', 'd > p'),
      node('Flatten', 'p > f'),
      node('Gemm', 'f g > y', ['transB', one(1)]),
    ],
    constants: {
      ...statistics,
      w: wave([8, 6, 3, 3]),
      w2: wave([8, 8, 3, 3], 1),
      g: wave([5, 8], 2, 1),
    },
  });
}

function withBias(bias: Tensor, { transB = 1, beta = 1 } = {}): Model {
  return build({
    nodes: [
      node('Gemm', 'x w > h', ['transB', one(1)]),
      node('Relu', 'h > r'),
      node('Gemm', 'r v b > g', ['transB', one(transB)], ['beta', { kind: 'float', value: beta }]),
      node('Relu', 'g > s'),
      node('Gemm', 's u > y', ['transB', one(1)]),
    ],
    input: [4, 12],
    constants: {
      w: wave([16, 12]),
      v: wave(transB === 1 ? [8, 16] : [16, 8], 1),
      b: bias,
      u: wave([5, 8], 2),
    },
  });
}

function joined(parts: readonly Node[], names: string, constants: Record<string, Tensor>): Model {
  return build({
    nodes: [
      node('Conv', 'x w > a', pads),
      node('Relu', 'a > b'),
      ...parts,
      node('Concat', `${names} > j`, ['axis', one(1)]),
      node('Conv', 'j w4 > k', pads),
      node('GlobalAveragePool', 'k > y'),
    ],
    constants: { w: wave([8, 6, 3, 3]), ...constants },
  });
}

const branches = {
  v: wave([8, 8, 3, 3], 1, 0.3),
  u: wave([8, 8, 3, 3], 2, 0.3),
  w4: wave([8, 16, 3, 3], 3, 0.3),
};

function upsampled(opset: number, mode: string): Model {
  const scales = [1, 1, 2, 2];
  const up =
    opset < 9
      ? node(
          'Upsample',
          'd > e',
          ['mode', text(mode)],
          ['scales', { kind: 'floats', value: scales }],
        )
      : node(opset < 10 ? 'Upsample' : 'Resize', 'd s > e', ['mode', text(mode)]);
  return build({
    nodes: [
      node('Conv', 'x w > c', pads),
      node('Relu', 'c > d'),
      up,
      node('Conv', 'e v > y', pads),
    ],
    constants: {
      w: wave([8, 6, 3, 3]),
      v: branches.v,
      ...(opset >= 9 && { s: floats([4], scales) }),
    },
    opset,
  });
}

function reshaped(...attributes: Parameters<typeof node>[2][]): Model {
  return build({
    nodes: [
      node('Shape', 'like > s', ...attributes),
      node('Gemm', 'x w > h', ['transB', one(1)]),
      node('Reshape', 'h s > r'),
      node('Flatten', 'r > f'),
      node('Gemm', 'f v > y', ['transB', one(1)]),
    ],
    input: [1, 12],
    constants: { w: wave([24, 12]), v: wave([8, 24], 1), like: wave([3, 1, 4, 6, 1]) },
  });
}

/** Weights of which one is infinite where a bound cuts the result off. */
function infinite(bound: Node, constants: Record<string, Tensor> = {}): Model {
  const values = Array.from({ length: 8 * 6 * 9 }, (_, i) => 0.2 * Math.sin(1.7 * i));
  values[40] = Number.POSITIVE_INFINITY;
  return build({
    nodes: [
      node('Conv', 'x w > c'),
      bound,
      node('Conv', 'd v > e', pads),
      node('Relu', 'e > f'),
      node('Conv', 'f u > y', pads),
    ],
    constants: { w: floats([8, 6, 3, 3], values), ...branches, ...constants },
  });
}

const limits = { low: floats([], [0]), high: floats([], [6]) };

interface Row {
  readonly model: Model;
  /** Layers in integers at 8 bits; two unless said. */
  readonly integer?: number;
  readonly from?: number;
}

const rows: Readonly<Record<string, Row>> = {
  'BatchNormalization in training form': { model: trained(['training_mode', one(1)]) },
  'BatchNormalization in training form with its momentum': {
    model: trained(['training_mode', one(1)], ['momentum', { kind: 'float', value: 0.1 }]),
  },
  'a bias of one number per row': { model: withBias(wave([4, 1], 1, 1)) },
  'a bias of its own for each element': { model: withBias(wave([4, 8], 1, 1)) },
  'a bias that is one number': { model: withBias(floats([], [0.7])) },
  'a bias of one row, scaled': { model: withBias(wave([1, 8], 1, 1), { beta: 0.5 }) },
  'a bias per row beside weights the other way round, scaled': {
    model: withBias(wave([4, 1], 1, 1), { transB: 0, beta: 2 }),
  },
  'a Relu joined with a signed map': {
    model: joined(
      [node('Conv', 'b v > c', pads), node('Relu', 'c > d'), node('Conv', 'b u > e', pads)],
      'd e',
      branches,
    ),
    integer: 3,
  },
  'a signed map joined with a Relu, which is joined again': {
    model: joined(
      [node('Conv', 'b v > c', pads), node('Conv', 'b u > e', pads), node('Relu', 'e > d')],
      'c d',
      branches,
    ),
    integer: 3,
  },
  'a bound from above joined with a map that goes beyond': {
    model: joined(
      [
        node('Conv', 'b v > c', pads),
        node('Clip', 'c low high > d'),
        node('Conv', 'b u > e', pads),
        node('Relu', 'e > g'),
      ],
      'd g',
      { ...branches, low: floats([], [0]), high: floats([], [0.2]) },
    ),
    integer: 3,
  },
  'Upsample of opset 9': { model: upsampled(9, 'nearest'), integer: 1 },
  'Upsample of opset 9, linear': { model: upsampled(9, 'linear'), integer: 1 },
  'Upsample of opset 7': { model: upsampled(7, 'nearest'), integer: 1 },
  'Upsample of opset 8, linear': { model: upsampled(8, 'linear'), integer: 1 },
  'Resize of opset 10': { model: upsampled(10, 'nearest'), integer: 1 },
  'Shape of a constant with a start': { model: reshaped(['start', one(1)]) },
  'Shape of a constant with start and end': {
    model: reshaped(['start', one(-4)], ['end', one(4)]),
  },
  'an infinite weight under a Clip': {
    model: infinite(node('Clip', 'c low high > d'), limits),
    integer: 2,
    from: 0.1,
  },
  'an infinite weight under a Sigmoid': {
    model: infinite(node('Sigmoid', 'c > d')),
    integer: 2,
    from: 0.1,
  },
};

for (const [title, { model, integer = 2, from = -1 }] of Object.entries(rows)) {
  test(`equal to its source: ${title}`, async (t) => {
    const float = await fitted(t, model, { v: 1, bits: 32, from });
    t.true(float.db >= 100, `${float.db} dB at 32 bits`);
    const small = await fitted(t, model, { v: 1, bits: 8, from });
    t.true(small.db >= 20, `${small.db} dB at 8 bits`);
    const computed = small.layers.filter(({ compute }) => compute === 'integer');
    t.true(computed.length >= integer, JSON.stringify(small.layers));
    const narrow = await fitted(t, model, { v: 1, bits: 4, from });
    t.true(narrow.db >= 8, `${narrow.db} dB at 4 bits`);
  });
}

test('a layer with a weight that is not finite says so', async (t) => {
  const model = infinite(node('Clip', 'c low high > d'), limits);
  const { layers } = await fitted(t, model, { v: 1, bits: 8, from: 0.1 });
  t.is(layers[0]?.compute, 'float');
  t.regex(layers[0]?.reason ?? '', /first layer|not finite/);
});

test('random operators inside are named', async (t) => {
  const drawn = node('RandomNormalLike', 'h > z');
  const model = build({
    nodes: [node('Gemm', 'x w > h'), drawn, node('Add', 'h z > a'), node('Gemm', 'a v > y')],
    input: [1, 64],
    constants: { w: wave([64, 64]), v: wave([64, 4], 1) },
  });
  for (const bits of [32, 8, 4] as const) {
    const { notes } = await fitted(t, model, { v: 1, bits });
    t.true(notes.some((note) => /random numbers \(RandomNormalLike\)/.test(note)));
  }
});

test('an input that has a default keeps it and can still be given', async (t) => {
  const nodes = [
    node('Gemm', 'x w > h'),
    node('Mul', 'h gain > m'),
    node('Relu', 'm > r'),
    node('Gemm', 'r v > y'),
  ];
  const { graph } = build({
    nodes,
    input: [1, 8],
    constants: { w: wave([8, 8]), v: wave([8, 4], 1), gain: floats([1], [0.5]) },
  });
  const inputs: Graph['inputs'] = [...graph.inputs, valueNamed('gain', [1])];
  const source = modelOf({ ...graph, inputs });
  for (const bits of [32, 8, 4] as const) {
    const { model, db } = await fitted(t, source, { v: 1, bits });
    t.deepEqual(
      model.graph.inputs.map(({ name }) => name),
      ['x', 'gain'],
    );
    t.true(model.graph.initializers.has('gain'));
    t.true(db >= (bits === 32 ? 100 : 15), `${db} dB at ${bits} bits`);
  }
});

test('weights that are listed as inputs, all of them, are constants', async (t) => {
  const { graph } = build({
    nodes: [node('Gemm', 'x w > h'), node('Relu', 'h > r'), node('Gemm', 'r v > y')],
    input: [1, 8],
    constants: { w: wave([8, 8]), v: wave([8, 4], 1) },
  });
  const inputs = [...graph.inputs, valueNamed('w', [8, 8]), valueNamed('v', [8, 4])];
  const { layers, notes } = await fitted(t, modelOf({ ...graph, inputs }), { v: 1, bits: 8 });
  t.true(layers.every(({ compute }) => compute === 'integer'));
  t.true(notes.some((note) => /can no longer be given/.test(note)));
});
