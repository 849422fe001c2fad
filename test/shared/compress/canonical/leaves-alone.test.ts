// Each rewrite says when it is exact: what it must leave as it is, attribute by attribute.
import test from 'ava';
import { canonicalise, rewriteNames } from '../../../../shared/compress/canonical/canonicalise.ts';
import type { Attribute, Node, Tensor } from '../../../../shared/onnx/graph.ts';
import { worstDifference } from '../../../support/agree.ts';
import { floats, graphOf, int64s, ints, modelOf, valueNamed } from '../../../support/graphs.ts';
import { node, one, text, wave } from '../../../support/layers.ts';

type Attributes = (readonly [string, Attribute])[];

interface Row {
  readonly nodes: Node[];
  readonly constants?: Readonly<Record<string, Tensor>>;
  readonly input?: readonly (number | string)[];
  readonly opset?: number;
  readonly outputs?: readonly string[];
}

/** The operators stay as they are, and the model computes the same. */
type Rows = Readonly<Record<string, Row>>;

const bn = { g: wave([4], 1), b: wave([4], 2), m: wave([4], 3), v: floats([4], [1, 2, 3, 0.5]) };
const conv = (...attributes: Attributes) => node('Conv', 'x w > c', ...attributes);
const w = wave([4, 3, 3, 3]);
const zero = floats([], [0]);
const scalar = (value: number) => floats([], [value]);

function behindConv(last: Node, constants: Record<string, Tensor>): Row {
  return { nodes: [conv(), last], constants: { w, ...constants } };
}

function padded(last: Node, pads: number[], relu = true): Row {
  const first = relu ? [node('Relu', 'x > r')] : [node('Neg', 'x > r')];
  return {
    nodes: [...first, node('Pad', 'r pads > p'), last],
    constants: { pads: int64s(pads), w },
  };
}

const spatial = [0, 0, 1, 1, 0, 0, 1, 1];
const kernel = ['kernel_shape', ints(2, 2)] as const;

const table: Readonly<Record<string, Rows>> = {
  batchnorm: {
    'training_mode 1': behindConv(
      node('BatchNormalization', 'c g b m v > y n o', ['training_mode', one(1)]),
      bn,
    ),
    'a result that is used twice': {
      nodes: [conv(), node('BatchNormalization', 'c g b m v > n'), node('Add', 'n c > y')],
      constants: { w, ...bn },
    },
    'a variance below zero': behindConv(node('BatchNormalization', 'c g b m v > y'), {
      ...bn,
      v: floats([4], [1, -1, 1, 1]),
    }),
    'scaled weights of a Gemm': {
      nodes: [
        node('Gemm', 'x a d > c', ['transA', one(1)]),
        node('BatchNormalization', 'c g b m v > y'),
      ],
      input: [3, 5],
      constants: { a: wave([3, 4]), d: wave([5, 4]), ...bn },
    },
  },
  'arithmetic-after': {
    'a number for each row': behindConv(node('Add', 'c k > y'), { k: wave([1, 1, 4, 1]) }),
    'a number for each position': behindConv(node('Mul', 'c k > y'), { k: wave([4, 4]) }),
    'a constant over the result': behindConv(node('Div', 'k c > y'), { k: scalar(2) }),
    'division by zero': behindConv(node('Div', 'c k > y'), { k: floats([4, 1, 1], [1, 0, 1, 2]) }),
    'a constant of more dimensions': behindConv(node('Add', 'c k > y'), {
      k: floats([1, 1, 1, 1, 1], [0.5]),
    }),
  },
  'arithmetic-before': {
    'a shift before padding': {
      nodes: [node('Add', 'x k > a'), node('Conv', 'a w > y', ['pads', ints(1, 1, 1, 1)])],
      constants: { w, k: wave([3, 1, 1]) },
    },
    'a shift before padding by auto_pad': {
      nodes: [node('Add', 'x k > a'), node('Conv', 'a w > y', ['auto_pad', text('SAME_UPPER')])],
      input: ['N', 3, 'H', 'W'],
      constants: { w, k: wave([3, 1, 1]) },
    },
    'a product that widens one channel to three': {
      nodes: [node('Mul', 'x k > a'), node('Conv', 'a w > y')],
      input: [1, 1, 6, 6],
      constants: { w, k: wave([1, 3, 1, 1]) },
    },
    'a product that adds dimensions': {
      nodes: [node('Mul', 'x k > a'), node('Conv', 'a w > y')],
      input: [6, 6],
      constants: { w, k: wave([1, 3, 1, 1]) },
    },
  },
  activation: {
    'a lower bound that is not zero': {
      nodes: [node('Clip', 'x k > y')],
      constants: { k: scalar(-0.5) },
    },
    'an upper bound': { nodes: [node('Clip', 'x k h > y')], constants: { k: zero, h: scalar(6) } },
    'a maximum of three': { nodes: [node('Max', 'x k l > y')], constants: { k: zero, l: zero } },
    'a zero of more dimensions': {
      nodes: [node('Max', 'x k > y')],
      constants: { k: floats([1, 1, 1, 1, 1], [0]) },
    },
  },
  'explicit-pads': {
    'a pool with dilation': {
      nodes: [
        node(
          'MaxPool',
          'x > y',
          kernel,
          ['dilations', ints(2, 2)],
          ['auto_pad', text('SAME_UPPER')],
        ),
      ],
    },
    'a pool that rounds up': {
      nodes: [
        node('MaxPool', 'x > y', kernel, ['ceil_mode', one(1)], ['auto_pad', text('SAME_LOWER')]),
      ],
    },
  },
  padding: {
    'another value': {
      nodes: [node('Pad', 'x pads k > p'), node('Conv', 'p w > y')],
      constants: { pads: int64s(spatial), k: scalar(1), w },
    },
    reflection: {
      nodes: [node('Pad', 'x pads > p', ['mode', text('reflect')]), node('Conv', 'p w > y')],
      constants: { pads: int64s(spatial), w },
    },
    'channels too': {
      nodes: [node('Pad', 'x pads > p'), node('Conv', 'p u > y')],
      constants: { pads: int64s([0, 1, 1, 1, 0, 0, 1, 1]), u: wave([4, 4, 3, 3]) },
    },
    'negative amounts': padded(node('Conv', 'p w > y'), [0, 0, -1, 0, 0, 0, 0, 1]),
    'a pool of numbers below zero': padded(node('MaxPool', 'p > y', kernel), spatial, false),
    'more than the kernel of a pool': padded(
      node('MaxPool', 'p > y', kernel),
      [0, 0, 2, 2, 0, 0, 2, 2],
    ),
    'a pool with dilation': padded(
      node('MaxPool', 'p > y', kernel, ['dilations', ints(2, 2)]),
      spatial,
    ),
    'a pool that tells places': {
      ...padded(node('MaxPool', 'p > y at', kernel), spatial),
      outputs: ['y', 'at'],
    },
    'a mean that rounds up': padded(
      node('AveragePool', 'p > y', kernel, ['ceil_mode', one(1)], ['strides', ints(3, 3)]),
      spatial,
    ),
    'two users of which one cannot take it': {
      nodes: [
        node('Pad', 'x pads > p'),
        node('Conv', 'p w > c'),
        node('Neg', 'p > n'),
        node('GlobalMaxPool', 'n > z'),
        node('GlobalMaxPool', 'c > y'),
      ],
      constants: { pads: int64s(spatial), w },
      outputs: ['y', 'z'],
    },
  },
  pooling: {
    'other axes': { nodes: [node('ReduceMean', 'x > y', ['axes', ints(1, 2)])] },
    'three dimensions': {
      nodes: [node('ReduceMean', 'x > y', ['axes', ints(2)])],
      input: [1, 3, 6],
    },
    'a window smaller than the map': { nodes: [node('AveragePool', 'x > y', kernel)] },
    'a window on a padded map': {
      nodes: [
        node('AveragePool', 'x > y', ['kernel_shape', ints(6, 6)], ['pads', ints(1, 1, 1, 1)]),
      ],
    },
  },
  gemm: {
    'a transposed input': {
      nodes: [node('Gemm', 'x a > y', ['transA', one(1)])],
      input: [4, 5],
      constants: { a: wave([4, 3]) },
    },
    'an input of three dimensions': {
      nodes: [node('MatMul', 'x a > p'), node('Add', 'p k > y')],
      input: [2, 4, 5],
      constants: { a: wave([5, 3]), k: wave([3]) },
    },
    'a 1×1 Conv on a larger map': {
      nodes: [node('Conv', 'x a > y')],
      constants: { a: wave([4, 3, 1, 1]) },
    },
    'a 1×1 Conv in groups': {
      nodes: [node('Conv', 'x a > y', ['group', one(3)])],
      input: [1, 3, 1, 1],
      constants: { a: wave([3, 1, 1, 1]) },
    },
  },
  identity: {
    'padding by a number': {
      nodes: [node('Pad', 'x pads > y')],
      constants: { pads: int64s([0, 0, 0, 0, 0, 0, 0, 1]) },
    },
    'a sum that adds dimensions': {
      nodes: [node('Add', 'x k > y')],
      constants: { k: floats([1, 1, 1, 1, 1], [0]) },
    },
    'a difference from zero': { nodes: [node('Sub', 'k x > y')], constants: { k: zero } },
    'a quotient of one': { nodes: [node('Div', 'k x > y')], constants: { k: scalar(1) } },
  },
  reshapes: {
    'a 0 that copies another dimension': {
      nodes: [node('Reshape', 'x a > r'), node('Reshape', 'r b > y')],
      constants: { a: int64s([6, 18]), b: int64s([0, 3, 6]) },
    },
    'a Transpose that moves numbers': {
      nodes: [node('Transpose', 'x > t', ['perm', ints(0, 2, 3, 1)]), node('Flatten', 't > y')],
    },
  },
  shortcut: {
    'a border as well': {
      nodes: [node('Pad', 'x pads > y')],
      constants: { pads: int64s([0, 1, 1, 0, 0, 1, 0, 0]) },
    },
  },
  transposes: {
    'one alone': {
      nodes: [node('Transpose', 'x > t', ['perm', ints(0, 2, 3, 1)]), node('Neg', 't > y')],
    },
    'a mean whose other axes change places': {
      nodes: [
        node('Transpose', 'x > t', ['perm', ints(0, 3, 2, 1)]),
        node('ReduceMean', 't > y', ['axes', ints(1)], ['keepdims', one(0)]),
      ],
    },
  },
};

/** Not finite, or refused by the runtime, which makes the same rewrite without asking. */
const notCompared = new Set([
  'a variance below zero',
  'division by zero',
  'more than the kernel of a pool',
]);

for (const [rewrite, rows] of Object.entries(table)) {
  for (const [title, row] of Object.entries(rows)) {
    test(`${rewrite} leaves alone: ${title}`, async (t) => {
      const { nodes, constants = {}, input = [1, 3, 6, 6], opset = 17, outputs = ['y'] } = row;
      const inputs = [valueNamed('x', input)];
      const graph = graphOf({ nodes, inputs, outputs, initializers: constants });
      const model = modelOf(graph, opset);
      t.true(rewriteNames.includes(rewrite));
      const canonical = canonicalise(model);
      const ops = canonical.model.graph.nodes.map(({ op }) => op);
      t.deepEqual(
        ops,
        nodes.map(({ op }) => op),
      );
      if (notCompared.has(title)) return;
      t.true((await worstDifference(model, canonical.model)) <= 1e-5);
    });
  }
}

test('what a rewrite is left out of stays as it is', (t) => {
  const graph = graphOf({
    nodes: [conv(), node('BatchNormalization', 'c g b m v > y')],
    inputs: [valueNamed('x', [1, 3, 6, 6])],
    outputs: ['y'],
    initializers: { w, ...bn },
  });
  const ops = (without: string[]) =>
    canonicalise(modelOf(graph), without).model.graph.nodes.map(({ op }) => op);
  t.deepEqual(ops([]), ['Conv']);
  t.deepEqual(ops(['batchnorm']), ['Conv', 'BatchNormalization']);
});

test('an operator set older than 7, and one that cannot be written anew, is not touched', (t) => {
  const graph = graphOf({
    nodes: [
      node('Pad', 'x > p', ['pads', ints(...spatial)]),
      node('Softmax', 'p > y', ['axis', one(1)]),
    ],
    inputs: [{ name: 'x', type: 'float', dims: null }],
    outputs: ['y'],
  });
  for (const opset of [6, 9]) {
    const { model, notes } = canonicalise(modelOf(graph, opset));
    t.is(model.opsets.get(''), opset);
    t.deepEqual([...(model.graph.nodes[0]?.attributes.keys() ?? [])], ['pads']);
    t.regex(notes[0] ?? '', /keeps its operator set/);
  }
});
