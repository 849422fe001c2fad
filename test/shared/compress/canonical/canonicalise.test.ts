import test, { type ExecutionContext } from 'ava';
import { canonicalise } from '../../../../shared/compress/canonical/canonicalise.ts';
import type { Model, Node, Tensor } from '../../../../shared/onnx/graph.ts';
import { worstDifference } from '../../../support/agree.ts';
import {
  floats,
  graphOf,
  int64s,
  ints,
  modelOf,
  nodeOf,
  valueNamed,
} from '../../../support/graphs.ts';

/** What two kernels may differ by that add up the same floats in another order. */
const rounding = 1e-5;

interface Case {
  readonly nodes: Node[];
  readonly input: readonly (number | string)[];
  readonly constants?: Readonly<Record<string, Tensor>>;
  readonly output?: string;
  readonly opset?: number;
}

function build({ nodes, input, constants = {}, output = 'y', opset = 17 }: Case): Model {
  const inputs = [valueNamed('x', input)];
  return modelOf(graphOf({ nodes, inputs, outputs: [output], initializers: constants }), opset);
}

/** Numbers without a pattern that a mistake in an index could hide in. */
function wave(dims: readonly number[], phase = 0): Tensor {
  const count = dims.reduce((product, dim) => product * dim, 1);
  return floats(
    dims,
    Array.from({ length: count }, (_, i) => Math.sin(1.7 * i + phase) / 2),
  );
}

async function becomes(t: ExecutionContext, given: Case, ops: readonly string[]): Promise<void> {
  const model = build(given);
  const canonical = canonicalise(model);
  const made = canonical.model.graph.nodes.map((node) => node.op);
  t.deepEqual(made, [...ops]);
  t.true((await worstDifference(model, canonical.model)) <= rounding);
}

const conv = (from: string, to: string, ...attributes: Parameters<typeof nodeOf>[2][]) =>
  nodeOf('Conv', { inputs: [from, 'w'], outputs: [to] }, ...attributes);

const normalisation = {
  gamma: wave([4], 1),
  beta: wave([4], 2),
  mean: wave([4], 3),
  variance: floats([4], [0.5, 1, 2, 0.1]),
};

const rows: Readonly<Record<string, { given: Case; ops: readonly string[] }>> = {
  'BatchNormalization after Conv': {
    given: {
      nodes: [
        conv('x', 'c', ['pads', ints(1, 1, 1, 1)]),
        nodeOf('BatchNormalization', {
          inputs: ['c', 'gamma', 'beta', 'mean', 'variance'],
          outputs: ['y'],
        }),
      ],
      input: [1, 3, 6, 6],
      constants: { w: wave([4, 3, 3, 3]), ...normalisation },
    },
    ops: ['Conv'],
  },
  'BatchNormalization before a Conv without padding': {
    given: {
      nodes: [
        nodeOf('BatchNormalization', {
          inputs: ['x', 'gamma', 'beta', 'mean', 'variance'],
          outputs: ['n'],
        }),
        conv('n', 'y'),
      ],
      input: [1, 4, 6, 6],
      constants: { w: wave([5, 4, 3, 3]), ...normalisation },
    },
    ops: ['Conv'],
  },
  'BatchNormalization before a padded Conv stays': {
    given: {
      nodes: [
        nodeOf('BatchNormalization', {
          inputs: ['x', 'gamma', 'beta', 'mean', 'variance'],
          outputs: ['n'],
        }),
        conv('n', 'y', ['pads', ints(1, 1, 1, 1)]),
      ],
      input: [1, 4, 6, 6],
      constants: { w: wave([5, 4, 3, 3]), ...normalisation },
    },
    ops: ['BatchNormalization', 'Conv'],
  },
  'a BatchNormalization that an exporter took apart': {
    given: {
      nodes: [
        conv('x', 'c'),
        nodeOf('Sub', { inputs: ['c', 'm'], outputs: ['s'] }),
        nodeOf('Mul', { inputs: ['s', 'g'], outputs: ['t'] }),
        nodeOf('Add', { inputs: ['b', 't'], outputs: ['y'] }),
      ],
      input: [1, 3, 6, 6],
      constants: {
        w: wave([4, 3, 3, 3]),
        m: wave([1, 4, 1, 1], 1),
        g: wave([4, 1, 1], 2),
        b: floats([], [0.3]),
      },
    },
    ops: ['Conv'],
  },
  'a grouped Conv takes a scale before it': {
    given: {
      nodes: [
        nodeOf('Mul', { inputs: ['x', 'g'], outputs: ['s'] }),
        nodeOf('Conv', { inputs: ['s', 'w'], outputs: ['y'] }, [
          'group',
          { kind: 'int', value: 2 },
        ]),
      ],
      input: [1, 4, 6, 6],
      constants: { w: wave([6, 2, 3, 3]), g: wave([1, 4, 1, 1], 1) },
    },
    ops: ['Conv'],
  },
  'Pad before Conv': {
    given: {
      nodes: [
        nodeOf('Pad', { inputs: ['x', 'pads'], outputs: ['p'] }),
        conv('p', 'y', ['strides', ints(2, 2)]),
      ],
      input: [1, 3, 7, 7],
      constants: { w: wave([4, 3, 3, 3]), pads: int64s([0, 0, 0, 1, 0, 0, 1, 2]) },
    },
    ops: ['Conv'],
  },
  'Pad with zeros before MaxPool stays where values may be negative': {
    given: {
      nodes: [
        nodeOf('Pad', { inputs: ['x', 'pads'], outputs: ['p'] }),
        nodeOf('MaxPool', { inputs: ['p'], outputs: ['y'] }, ['kernel_shape', ints(2, 2)]),
      ],
      input: [1, 3, 6, 6],
      constants: { pads: int64s([0, 0, 1, 1, 0, 0, 1, 1]) },
    },
    ops: ['Pad', 'MaxPool'],
  },
  'channels last, as some exporters write': {
    given: {
      nodes: [
        nodeOf('Transpose', { inputs: ['x'], outputs: ['a'] }, ['perm', ints(0, 3, 1, 2)]),
        conv('a', 'c'),
        nodeOf('Transpose', { inputs: ['c'], outputs: ['d'] }, ['perm', ints(0, 2, 3, 1)]),
        nodeOf('Add', { inputs: ['d', 'b'], outputs: ['e'] }),
        nodeOf('Relu', { inputs: ['e'], outputs: ['r'] }),
        nodeOf('Transpose', { inputs: ['r'], outputs: ['f'] }, ['perm', ints(0, 3, 1, 2)]),
        nodeOf('Conv', { inputs: ['f', 'v'], outputs: ['y'] }),
      ],
      input: [1, 8, 8, 3],
      constants: { w: wave([4, 3, 3, 3]), v: wave([2, 4, 1, 1], 1), b: wave([4], 2) },
    },
    ops: ['Transpose', 'Conv', 'Relu', 'Conv'],
  },
  'a shortcut of Slice and Pad': {
    given: {
      nodes: [
        nodeOf('Slice', { inputs: ['x', 'start', 'end', 'axis2', 'step'], outputs: ['a'] }),
        nodeOf('Slice', { inputs: ['a', 'start', 'end', 'axis3', 'step'], outputs: ['b'] }),
        nodeOf('Pad', { inputs: ['b', 'pads'], outputs: ['y'] }),
      ],
      input: [1, 3, 7, 8],
      constants: {
        start: int64s([0]),
        end: int64s([2 ** 53]),
        axis2: int64s([2]),
        axis3: int64s([3]),
        step: int64s([2]),
        pads: int64s([0, 1, 0, 0, 0, 2, 0, 0]),
      },
    },
    ops: ['Conv'],
  },
  'ReduceMean over the map, and a MatMul with its bias': {
    given: {
      nodes: [
        nodeOf(
          'ReduceMean',
          { inputs: ['x'], outputs: ['m'] },
          ['axes', ints(2, 3)],
          ['keepdims', { kind: 'int', value: 0 }],
        ),
        nodeOf('MatMul', { inputs: ['m', 'w'], outputs: ['p'] }),
        nodeOf('Add', { inputs: ['p', 'b'], outputs: ['y'] }),
      ],
      input: ['N', 3, 5, 5],
      constants: { w: wave([3, 7]), b: wave([1, 7], 1) },
    },
    ops: ['GlobalAveragePool', 'Squeeze', 'Gemm'],
  },
  'a Conv on a single point is a matrix product': {
    given: {
      nodes: [
        nodeOf('GlobalAveragePool', { inputs: ['x'], outputs: ['p'] }),
        conv('p', 'c'),
        nodeOf('Flatten', { inputs: ['c'], outputs: ['y'] }),
      ],
      input: ['N', 3, 5, 5],
      constants: { w: wave([7, 3, 1, 1]) },
    },
    ops: ['GlobalAveragePool', 'Flatten', 'Gemm'],
  },
  'shapes computed from shapes with a batch that varies': {
    given: {
      nodes: [
        nodeOf('Shape', { inputs: ['x'], outputs: ['s'] }),
        nodeOf('Gather', { inputs: ['s', 'zero'], outputs: ['n'] }),
        nodeOf('Unsqueeze', { inputs: ['n', 'axis'], outputs: ['u'] }),
        nodeOf('Concat', { inputs: ['u', 'rest'], outputs: ['t'] }, [
          'axis',
          { kind: 'int', value: 0 },
        ]),
        nodeOf('Reshape', { inputs: ['x', 't'], outputs: ['y'] }),
      ],
      input: ['N', 3, 4, 4],
      constants: {
        zero: { ...int64s([0]), dims: [] },
        axis: int64s([0]),
        rest: int64s([48]),
      },
    },
    ops: ['Reshape'],
  },
  'opset 9: Clip, Pad, Slice and Softmax in their old forms': {
    given: {
      nodes: [
        nodeOf(
          'Clip',
          { inputs: ['x'], outputs: ['a'] },
          ['min', { kind: 'float', value: 0 }],
          ['max', { kind: 'float', value: 6 }],
        ),
        nodeOf('Pad', { inputs: ['a'], outputs: ['b'] }, ['pads', ints(0, 0, 1, 1, 0, 0, 1, 1)]),
        nodeOf(
          'Slice',
          { inputs: ['b'], outputs: ['c'] },
          ['starts', ints(1)],
          ['ends', ints(5)],
          ['axes', ints(2)],
        ),
        nodeOf('Softmax', { inputs: ['c'], outputs: ['y'] }, ['axis', { kind: 'int', value: 1 }]),
      ],
      input: [2, 3, 5, 5],
      opset: 9,
    },
    ops: ['Clip', 'Pad', 'Slice', 'Flatten', 'Softmax', 'Reshape'],
  },
};

for (const [title, { given, ops }] of Object.entries(rows)) {
  test(`rewrites and computes the same: ${title}`, (t) => becomes(t, given, ops));
}

test('the given model is not changed', (t) => {
  const given = rows['BatchNormalization after Conv']?.given;
  const model = given && build(given);
  canonicalise(model ?? build({ nodes: [], input: [1] }));
  t.deepEqual(
    model?.graph.nodes.map((node) => node.inputs.length),
    [2, 5],
  );
});
