import { readFileSync } from 'node:fs';
import test from 'ava';
import { findRandomFeeds } from '../../../shared/evaluate/random-feeds.ts';
import { openSession } from '../../../shared/evaluate/runtime.ts';
import type { Tensors } from '../../../shared/evaluate/tensor.ts';
import type { Dimension, Model, ValueInfo } from '../../../shared/onnx/graph.ts';
import { readModel } from '../../../shared/onnx/read.ts';
import { inferShapes } from '../../../shared/onnx/shapes.ts';
import { writeModel } from '../../../shared/onnx/write.ts';
import { backendCases } from '../../support/backend-tests.ts';
import { graphOf, int64s, modelOf, nodeOf, valueNamed, zeros } from '../../support/graphs.ts';
import { sharedModelsOrSkip } from '../../support/models.ts';

/** The model with nothing stated of what its nodes make, so that all must be found out. */
function silent(model: Model): Model {
  const outputs = model.graph.outputs.map(({ name }) => ({ name, type: null, dims: null }));
  return { ...model, graph: { ...model.graph, outputs, values: new Map() } };
}

/** Shapes of a value that contradict each other; a name or null contradicts nothing. */
function contradicts(inferred: readonly Dimension[] | null, real: readonly Dimension[]): boolean {
  if (!inferred) return false;
  if (inferred.length !== real.length) return true;
  return inferred.some((size, axis) => typeof size === 'number' && size !== real[axis]);
}

test('inferred shapes are those that the runtime makes, on every shared model', async (t) => {
  const known: Record<string, string> = {};
  for (const { name, path } of sharedModelsOrSkip(t)) {
    const model = readModel(readFileSync(path));
    const inferred = inferShapes(silent(model));
    const real = await runWithAllOutputs(model, inferred);
    const made = Object.entries(real);
    for (const [value, { dims, type }] of made) {
      const info = inferred.get(value);
      t.false(contradicts(info?.dims ?? null, dims), `${name} ${value}: ${info?.dims} is ${dims}`);
      t.true(info?.type === null || info?.type === type, `${name} ${value}: ${info?.type}`);
    }
    const ranked = made.filter(([value]) => inferred.get(value)?.dims).length;
    known[name] = `${ranked} of ${made.length}`;
    // Recurrent cells within control flow, and operators of ai.onnx.ml.
    const unknown = [
      'other/silero-vad.onnx',
      'zoo/silero-vad-v5-16k/model.onnx',
      'zoo/boosted-trees/model.onnx',
    ];
    if (!unknown.includes(name)) t.is(ranked, made.length, name);
  }
  t.log(known);
  t.pass();
});

/** Every value that some node makes, as the runtime computes it without optimizations. */
async function runWithAllOutputs(
  model: Model,
  inferred: ReadonlyMap<string, ValueInfo>,
): Promise<Tensors> {
  const names = model.graph.nodes.flatMap((node) => node.outputs).filter((name) => name !== '');
  const declared = new Set(model.graph.outputs.map(({ name }) => name));
  const extra = names
    .filter((name) => !declared.has(name) && inferred.get(name)?.type)
    .map((name) => ({ name, type: inferred.get(name)?.type ?? null, dims: null }));
  const outputs = [...model.graph.outputs, ...extra];
  const all = writeModel({ ...model, graph: { ...model.graph, outputs } });
  const session = await openSession(all, { threads: 1, optimization: 'disabled' });
  try {
    return await session.run(await findRandomFeeds(session, 3));
  } finally {
    await session.release();
  }
}

test('inferred shapes agree with the recorded outputs of the backend tests', (t) => {
  const cases = backendCases();
  let checked = 0;
  for (const { name, model: bytes, outputs } of cases ?? []) {
    const model = readModel(bytes);
    const inferred = inferShapes(silent(model));
    for (const [index, output] of model.graph.outputs.entries()) {
      const real = outputs[index];
      const info = inferred.get(output.name);
      if (!real || !info?.dims) continue;
      checked += 1;
      t.false(contradicts(info.dims, real.dims), `${name}: ${info.dims} is ${real.dims}`);
      t.true(info.type === null || info.type === real.type, `${name}: ${info.type} ${real.type}`);
    }
  }
  if (!cases) t.log('skipped: the backend tests are not on this machine');
  else t.true(checked > 500, `${checked} outputs checked`);
  t.pass();
});

test('sizes that vary keep their names through a network', (t) => {
  const model = modelOf(
    graphOf({
      nodes: [
        nodeOf('Conv', { inputs: ['x', 'w'], outputs: ['a'] }),
        nodeOf('Shape', { inputs: ['a'], outputs: ['s'] }),
        nodeOf('Gather', { inputs: ['s', 'zero'], outputs: ['n'] }),
        nodeOf('Concat', { inputs: ['n', 'rest'], outputs: ['to'] }, [
          'axis',
          { kind: 'int', value: 0 },
        ]),
        nodeOf('Reshape', { inputs: ['a', 'to'], outputs: ['flat'] }),
        nodeOf('MatMul', { inputs: ['flat', 'v'], outputs: ['y'] }),
      ],
      inputs: [valueNamed('x', ['N', 3, 6, 6])],
      outputs: ['y'],
      initializers: {
        w: zeros([8, 3, 3, 3]),
        v: zeros([128, 10]),
        zero: int64s([0]),
        rest: int64s([-1]),
      },
    }),
  );
  const shapes = inferShapes(model);
  t.deepEqual(shapes.get('a')?.dims, ['N', 8, 4, 4]);
  t.deepEqual(shapes.get('flat')?.dims, ['N', 128]);
  t.deepEqual(shapes.get('y'), { name: 'y', type: 'float', dims: ['N', 10] });
});

test('an operator that is not known leaves its outputs unknown, not wrong', (t) => {
  const node = { ...nodeOf('Own', { inputs: ['x'], outputs: ['y'] }), domain: 'example' };
  const graph = graphOf({
    nodes: [node, nodeOf('Relu', { inputs: ['y'], outputs: ['z'] })],
    inputs: [valueNamed('x', [1])],
    outputs: ['z'],
  });
  t.deepEqual(inferShapes(modelOf(graph)).get('z'), { name: 'z', type: null, dims: null });
});
