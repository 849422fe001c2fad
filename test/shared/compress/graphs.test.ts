// Graphs as they are: control flow, functions, constants and names of every kind.
import test from 'ava';
import type { Attribute, Graph, Model, ModelFunction, Node } from '../../../shared/onnx/graph.ts';
import { inlineFunctions } from '../../../shared/onnx/inline.ts';
import { readModel } from '../../../shared/onnx/read.ts';
import { encode, type Sink } from '../../../shared/onnx/sink.ts';
import { writeModel } from '../../../shared/onnx/write.ts';
import { fitted } from '../../support/fitted.ts';
import { floats, graphOf, ints, modelOf, valueNamed } from '../../support/graphs.ts';
import { node, one, wave } from '../../support/layers.ts';

const pads = ['pads', ints(1, 1, 1, 1)] as const;

function graphAttribute(value: Graph): Attribute {
  return { kind: 'graph', value };
}

const weights = { w: wave([16, 12]), v: wave([16, 16], 1), u: wave([5, 16], 2), k: wave([16], 3) };
const transB = ['transB', one(1)] as const;

function branched(otherwise: readonly Node[]): Model {
  const branch = (nodes: Node[]) => graphAttribute(graphOf({ nodes, outputs: ['z'] }));
  const nodes = [
    node('Gemm', 'x w > h', transB),
    node('Relu', 'h > r'),
    node(
      'If',
      'flag > i',
      ['then_branch', branch([node('Gemm', 'r v k > z', transB)])],
      ['else_branch', branch([...otherwise])],
    ),
    node('Gemm', 'i u > y', transB),
  ];
  const inputs = [valueNamed('x', ['N', 12]), valueNamed('flag', [], 'bool')];
  return modelOf(graphOf({ nodes, inputs, outputs: ['y'], initializers: weights }));
}

/** A Loop that adds a captured value to its state three times. */
function looped(): Model {
  const body = graphOf({
    nodes: [node('Identity', 'go > on'), node('Add', 's r > t')],
    inputs: [valueNamed('i', [], 'int64'), valueNamed('go', [], 'bool'), valueNamed('s', [1, 16])],
    outputs: ['on', 't'],
  });
  const times = { type: 'int64', dims: [], bytes: Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0) } as const;
  const nodes = [
    node('Gemm', 'x w > h', transB),
    node('Relu', 'h > r'),
    node('Loop', 'times - h > l', ['body', graphAttribute(body)]),
    node('Gemm', 'l u > y', transB),
  ];
  const initializers = { ...weights, times };
  const inputs = [valueNamed('x', [1, 12])];
  return modelOf(graphOf({ nodes, inputs, outputs: ['y'], initializers }));
}

/** `layer(a, b) = Relu(Gemm(a, b))`, whose `transB` is an attribute of the call. */
function functionOf(name: string, extra: (sink: Sink) => void) {
  const bytes = encode('a function', (sink) => {
    sink.text(1, name);
    for (const input of ['a', 'b']) sink.text(4, input);
    sink.text(5, 'out');
    sink.text(6, 'turned');
    sink.message(7, () => {
      for (const input of ['a', 'b']) sink.text(1, input);
      sink.text(2, 'inner');
      sink.text(4, 'Gemm');
      sink.message(5, () => {
        sink.text(1, 'transB');
        sink.varint(20, 2);
        sink.text(21, 'turned');
      });
    });
    sink.message(7, () => {
      sink.text(1, 'inner');
      sink.text(2, 'out');
      sink.text(4, 'Relu');
    });
    sink.message(9, () => sink.varint(2, 17));
    sink.text(10, 'own');
    extra(sink);
  });
  return { domain: 'own', name, bytes } satisfies ModelFunction;
}

function called(...functions: ModelFunction[]): Model {
  const call = (inputs: string, output: string) => ({
    ...node('Layer', `${inputs} > ${output}`, ['turned', one(1)]),
    domain: 'own',
    name: `call-${output}`,
  });
  const nodes = [call('x w', 'h'), call('h v', 'inner'), node('Gemm', 'inner u > y', transB)];
  const graph = graphOf({
    nodes,
    inputs: [valueNamed('x', [1, 12])],
    outputs: ['y'],
    initializers: weights,
  });
  const model = modelOf(graph);
  model.opsets.set('own', 1);
  return { ...model, functions };
}

function concatenated(...names: string[]): Model {
  const nodes = [
    node('Conv', 'x w > a', pads),
    node('Relu', 'a > b'),
    node('Conv', 'b v > c', pads),
    node('Concat', `${names.join(' ')} > j`, ['axis', one(1)]),
    node('Conv', 'j u > k', pads),
    node('GlobalAveragePool', 'k > y'),
  ];
  const initializers = {
    w: wave([8, 6, 3, 3]),
    v: wave([8, 8, 3, 3], 1, 0.3),
    u: wave([8, 20, 3, 3], 2, 0.3),
    p: wave([1, 4, 8, 8], 3, 1),
    q: floats(
      [1, 4, 8, 8],
      Array.from({ length: 256 }, (_, i) => i / 50),
    ),
  };
  const inputs = [valueNamed('x', [1, 6, 8, 8])];
  return modelOf(graphOf({ nodes, inputs, outputs: ['y'], initializers }));
}

/** Layers and values with these names, first to last. */
function named([input, first, second, third, output]: readonly [
  string,
  string,
  string,
  string,
  string,
]): Model {
  const called = (one: Node, name: string) => ({ ...one, name });
  const nodes = [
    called(node('Gemm', `${input} w > ${first}`, transB), first),
    called(node('Relu', `${first} > ${first}+`), `${first}+`),
    called(node('Gemm', `${first}+ v > ${second}`, transB), second),
    called(node('Relu', `${second} > ${third}`), third),
    called(node('Gemm', `${third} u > ${output}`, transB), `${third}-`),
  ];
  const inputs = [valueNamed(input, [1, 12])];
  return modelOf(graphOf({ nodes, inputs, outputs: [output], initializers: weights }));
}

const graphs: Readonly<Record<string, { model: Model; integer: number }>> = {
  'an If whose branches capture values': {
    model: branched([node('Gemm', 'r v k > e', transB), node('Neg', 'e > z')]),
    integer: 2,
  },
  'an If of which one branch hands a captured value on': {
    model: branched([node('Identity', 'r > z')]),
    integer: 2,
  },
  'a Loop that captures a value': { model: looped(), integer: 2 },
  'functions of the model': { model: called(functionOf('Layer', () => {})), integer: 3 },
  'a Concat of two maps with a constant': { model: concatenated('b', 'c', 'p'), integer: 2 },
  'a Concat that begins with a constant': { model: concatenated('q', 'b', 'c'), integer: 2 },
  'names of what every object has': {
    model: named(['x', 'toString', 'constructor', '__proto__', 'hasOwnProperty']),
    integer: 3,
  },
  'an input called __proto__': {
    model: named(['__proto__', 'a', 'valueOf', 'prototype', 'constructor']),
    integer: 3,
  },
  'an output called __proto__': {
    model: named(['constructor', 'toString', 'b', 'c', '__proto__']),
    integer: 3,
  },
  'names beyond ASCII': { model: named(['éingabe', '層一', 'слой', '🙂', 'y/:0']), integer: 3 },
};

for (const [title, { model, integer }] of Object.entries(graphs)) {
  test(`builds and is equal to its source: ${title}`, async (t) => {
    const float = await fitted(t, model, { v: 1, bits: 32 });
    t.true(float.db >= 100, `${float.db} dB at 32 bits`);
    const small = await fitted(t, model, { v: 1, bits: 8 });
    t.true(small.db >= 20, `${small.db} dB at 8 bits`);
    const computed = small.layers.filter(({ compute }) => compute === 'integer');
    t.true(computed.length >= integer, JSON.stringify(small.layers));
    t.true((await fitted(t, model, { v: 1, bits: 4 })).db >= 8);
  });
}

test('a model that gives a sequence alone is refused in plain words', async (t) => {
  const graph = graphOf({
    nodes: [node('Gemm', 'x w > h', transB), node('SequenceConstruct', 'h h > y')],
    inputs: [valueNamed('x', [1, 12])],
    outputs: [],
    initializers: weights,
  });
  // TypeProto: sequence_type { elem_type { tensor_type { elem_type: float } } }
  const otherType = Uint8Array.from([34, 6, 10, 4, 10, 2, 8, 1]);
  const outputs = [{ name: 'y', type: null, dims: null, otherType }];
  for (const bits of [32, 8, 4] as const) {
    await t.throwsAsync(fitted(t, modelOf({ ...graph, outputs }), { v: 1, bits }), {
      code: 'MODEL_UNRUNNABLE',
      message: /output y is a sequence or a map.*tensors only/,
    });
  }
});

test('a recipe and a record name layers like what every object has', async (t) => {
  const model = named(['x', 'toString', 'constructor', '__proto__', 'y']);
  const layers = Object.fromEntries([['constructor', 32 as const]]);
  const { layers: built } = await fitted(t, model, { v: 1, bits: 8, layers });
  t.deepEqual(
    built.map(({ name, compute }) => [name, compute]),
    [
      ['toString', 'integer'],
      ['constructor', 'float'],
      ['__proto__-', 'integer'],
    ],
  );
});

test('functions are written out with their attributes, and inner names do not meet', (t) => {
  const { model, refused } = inlineFunctions(
    readModel(writeModel(called(functionOf('Layer', () => {})))),
  );
  t.is(refused, null);
  t.is(model.functions, undefined);
  t.deepEqual(
    model.graph.nodes.map(({ op }) => op),
    ['Gemm', 'Relu', 'Gemm', 'Relu', 'Gemm'],
  );
  const made = model.graph.nodes.flatMap(({ outputs }) => outputs);
  t.is(new Set(made).size, made.length);
  t.deepEqual(model.graph.nodes[0]?.attributes.get('transB'), { kind: 'int', value: 1 });
});

test('a function of another operator set stays, and it is said', (t) => {
  const other = called(
    functionOf('Layer', (sink) =>
      sink.message(9, () => {
        sink.text(1, 'own');
        sink.varint(2, 2);
      }),
    ),
  );
  const { model, refused } = inlineFunctions(readModel(writeModel(other)));
  t.is(model.functions?.length, 1);
  t.regex(refused ?? '', /opset 2, the model for 1/);
});
