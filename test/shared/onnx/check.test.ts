import test, { type ExecutionContext } from 'ava';
import { checkModel } from '../../../shared/onnx/check.ts';
import type { Graph, Model } from '../../../shared/onnx/graph.ts';
import { floats, graphOf, modelOf, nodeOf, valueNamed } from '../../support/graphs.ts';

const x = valueNamed('x', [2]);
const w = floats([2], [1, 2]);

function refused(t: ExecutionContext, model: Model, message: RegExp): void {
  t.throws(() => checkModel(model, 'm.onnx'), { message });
}

const rows: readonly [string, Graph, RegExp][] = [
  [
    'a value made twice',
    graphOf({
      nodes: [
        nodeOf('Relu', { inputs: ['x'], outputs: ['y'] }),
        nodeOf('Abs', { inputs: ['x'], outputs: ['y'] }),
      ],
      inputs: [x],
      outputs: ['y'],
    }),
    /"y" is made twice/,
  ],
  [
    'a node that makes an initializer',
    graphOf({
      nodes: [nodeOf('Relu', { inputs: ['x'], outputs: ['w'] })],
      inputs: [x],
      outputs: ['w'],
      initializers: { w },
    }),
    /"w" is made twice/,
  ],
  [
    'a value that nothing makes',
    graphOf({
      nodes: [nodeOf('Add', { inputs: ['x', 'b'], outputs: ['y'] })],
      inputs: [x],
      outputs: ['y'],
    }),
    /Add making "y" reads "b", which nothing makes/,
  ],
  [
    'an output that nothing makes',
    graphOf({
      nodes: [nodeOf('Relu', { inputs: ['x'], outputs: ['y'] })],
      inputs: [x],
      outputs: ['z'],
    }),
    /nothing makes the output "z"/,
  ],
  [
    'a stride of zero, by which the runtime would divide',
    graphOf({
      nodes: [
        nodeOf('Conv', { inputs: ['x', 'w'], outputs: ['y'] }, [
          'strides',
          { kind: 'ints', value: [2, 0] },
        ]),
      ],
      inputs: [x],
      outputs: ['y'],
      initializers: { w },
    }),
    /Conv making "y" has strides \[2, 0\]; each must be positive/,
  ],
  [
    'no groups at all',
    graphOf({
      nodes: [
        nodeOf('Conv', { inputs: ['x', 'w'], outputs: ['y'] }, [
          'group',
          { kind: 'int', value: 0 },
        ]),
      ],
      inputs: [x],
      outputs: ['y'],
      initializers: { w },
    }),
    /group \[0\]; each must be positive/,
  ],
  [
    'two inputs of one name',
    graphOf({
      nodes: [nodeOf('Relu', { inputs: ['x'], outputs: ['y'] })],
      inputs: [x, x],
      outputs: ['y'],
    }),
    /two inputs named "x"/,
  ],
  [
    'no output',
    graphOf({
      nodes: [nodeOf('Relu', { inputs: ['x'], outputs: ['y'] })],
      inputs: [x],
      outputs: [],
    }),
    /no output/,
  ],
  [
    'a tensor of the wrong size inside a branch',
    graphOf({
      nodes: [
        nodeOf('If', { inputs: ['x'], outputs: ['y'] }, [
          'then_branch',
          {
            kind: 'graph',
            value: graphOf({
              nodes: [],
              outputs: ['c'],
              initializers: { c: { ...w, dims: [3] } },
            }),
          },
        ]),
      ],
      inputs: [x],
      outputs: ['y'],
    }),
    /initializer "c" of type float and shape \[3\] needs 12 bytes, got 8/,
  ],
];

for (const [name, graph, message] of rows) {
  test(`refused: ${name}`, (t) => refused(t, modelOf(graph), message));
}

const relu = graphOf({
  nodes: [nodeOf('Relu', { inputs: ['x'], outputs: ['y'] })],
  inputs: [x],
  outputs: ['y'],
});

test('refused: versions that are unknown or missing', (t) => {
  refused(t, modelOf(relu, 999), /opset 999/);
  refused(t, { ...modelOf(relu), opsets: new Map() }, /no operator set/);
  refused(t, { ...modelOf(relu), irVersion: 0 }, /no IR version/);
  refused(t, { ...modelOf(relu), irVersion: 99 }, /IR version 99/);
});

test('an operator is refused outside the opsets that have it', (t) => {
  const using = (op: string, opset: number) =>
    modelOf(
      graphOf({
        nodes: [nodeOf(op, { inputs: ['x'], outputs: ['y'] })],
        inputs: [x],
        outputs: ['y'],
      }),
      opset,
    );
  refused(t, using('HardSwish', 13), /HardSwish needs opset 14/);
  refused(t, using('Upsample', 13), /Upsample ended with opset 9/);
  refused(t, using('Frobnicate', 13), /Frobnicate does not exist/);
  t.notThrows(() => checkModel(using('HardSwish', 14), 'm'));
  const own = using('Frobnicate', 13);
  own.functions = [{ domain: '', name: 'Frobnicate', bytes: new Uint8Array(0) }];
  t.notThrows(() => checkModel(own, 'm'), 'a function of the model');
  const foreign = using('Relu', 13);
  for (const node of foreign.graph.nodes) Object.assign(node, { domain: 'example', op: 'Any' });
  t.notThrows(() => checkModel(foreign, 'm'), 'another domain');
});

test('nodes out of order are put in order, and branches count as readers', (t) => {
  const branch = graphOf({
    nodes: [nodeOf('Relu', { inputs: ['a'], outputs: ['b'] })],
    outputs: ['b'],
  });
  const model = modelOf(
    graphOf({
      nodes: [
        nodeOf('If', { inputs: ['x'], outputs: ['y'] }, [
          'then_branch',
          { kind: 'graph', value: branch },
        ]),
        nodeOf('Abs', { inputs: ['c'], outputs: ['a'] }),
        nodeOf('Neg', { inputs: ['x'], outputs: ['c'] }),
      ],
      inputs: [x],
      outputs: ['y'],
    }),
  );
  checkModel(model, 'm');
  t.deepEqual(
    model.graph.nodes.map(({ op }) => op),
    ['Neg', 'Abs', 'If'],
  );
});

test('a long cycle is named by its first nodes', (t) => {
  const count = 20_000;
  const nodes = Array.from({ length: count }, (_, index) =>
    nodeOf('Relu', { inputs: [`v${(index + 1) % count}`], outputs: [`v${index}`] }),
  );
  refused(t, modelOf(graphOf({ nodes, outputs: ['v0'] })), /cycle: (Relu making "v\d+" → ){5}…/);
});

test('an old model without operator sets means opset 1', (t) => {
  const model: Model = { ...modelOf(relu), irVersion: 2, opsets: new Map() };
  checkModel(model, 'm');
  t.is(model.opsets.get(''), 1);
});
