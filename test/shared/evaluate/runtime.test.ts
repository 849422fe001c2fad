import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { int } from '../../../shared/compress/attributes.ts';
import { batches, openDataSet } from '../../../shared/evaluate/dataset.ts';
import { loadPackage } from '../../../shared/evaluate/package.ts';
import { openableProviders } from '../../../shared/evaluate/providers.ts';
import { openSession, runtimeVersion } from '../../../shared/evaluate/runtime.ts';
import { type Tensors, toFloat16 } from '../../../shared/evaluate/tensor.ts';
import { elementTypes } from '../../../shared/onnx/graph.ts';
import { writeModel } from '../../../shared/onnx/write.ts';
import { productRoot } from '../../../shared/product.ts';
import { fettle, temporaryFolder } from '../../support/fettle.ts';
import { graphOf, modelOf, nodeOf, valueNamed } from '../../support/graphs.ts';
import { sharedModelOrSkip } from '../../support/models.ts';

const fixture = (name: string) => join(import.meta.dirname, 'fixtures', name);
const digits = join(productRoot(), 'examples/digits');

test('the example answers what another binding of the runtime answered', async (t) => {
  const { modelPath, evaluationPath, manifest } = await loadPackage(digits);
  const session = await openSession(modelPath, { threads: 1 });
  t.deepEqual(session.inputs, [{ name: 'image', type: 'float', shape: [-1, 1, 32, 32] }]);
  t.deepEqual(session.outputs, [{ name: 'logits', type: 'float', shape: [-1, 10] }]);
  const dataSet = await openDataSet(evaluationPath ?? '', {
    inputs: session.inputs,
    preparation: manifest.inputs,
  });
  // onnxruntime 1.30 in Python, NumPy's arithmetic for the preparation.
  const expected = [
    -1.89067006, -1.47214925, -0.79964757, -1.15387082, -1.98808444, -2.88872933, -0.65882879,
    -1.13142085, 5.23607206, 0.02242208,
  ];
  for await (const { feeds } of batches(dataSet, { limit: 1 })) {
    const { logits } = await session.run(feeds);
    t.deepEqual(logits?.dims, [1, 10]);
    for (const [at, value] of expected.entries()) {
      t.true(Math.abs(Number(logits?.data[at]) - value) < 1e-5, `logit ${at}`);
    }
  }
  await session.release();
});

test('tensors of every type go in and come out', async (t) => {
  const session = await openSession(readFileSync(fixture('types.onnx')), { threads: 1 });
  const dims = [1, 2];
  const tensors: Tensors = {
    f: { type: 'float', dims, data: new Float32Array([1.5, -2]) },
    d: { type: 'double', dims, data: new Float64Array([1e300, -2]) },
    h: { type: 'float16', dims, data: new Uint16Array([toFloat16(0.1), toFloat16(-65504)]) },
    q: { type: 'int64', dims, data: new BigInt64Array([2n ** 60n, -1n]) },
    b: { type: 'bool', dims, data: new Uint8Array([1, 0]) },
    B: { type: 'uint8', dims, data: new Uint8Array([255, 0]) },
    s: { type: 'string', dims, data: ['naïve', ''] },
  };
  const feeds = Object.entries(tensors).map(([kind, tensor]) => [`in_${kind}`, tensor] as const);
  const outputs = await session.run(Object.fromEntries(feeds));
  for (const [kind, tensor] of Object.entries(tensors)) {
    t.deepEqual(outputs[`out_${kind}`], { ...tensor, dims: [1, 2] }, kind);
  }
  await session.release();
});

test('feeds that do not fit give one typed line', async (t) => {
  const session = await openSession(fixture('echo.onnx'), { threads: 1 });
  const wrong = { type: 'float', dims: [1, 4], data: new Float32Array(4) } as const;
  const error = await t.throwsAsync(session.run({ x: wrong }), { code: 'MODEL_UNRUNNABLE' });
  t.false(error?.message.includes('\n'));
  await t.throwsAsync(session.run({}), { code: 'MODEL_UNRUNNABLE' });
  await session.release();
});

test('a file that is missing or no model is said', async (t) => {
  await t.throwsAsync(openSession(fixture('nothing.onnx'), { threads: 1 }), {
    code: 'FILE_MISSING',
  });
  await t.throwsAsync(openSession(fixture('stored.npz'), { threads: 1 }), {
    code: 'MODEL_UNRUNNABLE',
    message: /stored\.npz: the runtime cannot run this model: Protobuf parsing failed\.$/,
  });
});

for (const name of ['cycle', 'empty', 'html_404', 'unknown_op', 'opset_999', 'truncated_half']) {
  test(`malformed/${name}.onnx is refused in one line`, async (t) => {
    const path = sharedModelOrSkip(t, `malformed/${name}.onnx`);
    if (path === null) return;
    const error = await t.throwsAsync(openSession(path, { threads: 1 }), {
      code: 'MODEL_UNRUNNABLE',
    });
    t.false(error?.message.includes('\n'));
    t.false(error?.message.includes('onnxruntime_src'));
  });
}

test('float weights between Q and DQ stay float, unless asked otherwise', async (t) => {
  const folder = temporaryFolder(t);
  const optimizedModelPath = join(folder, 'optimized.onnx');
  const model = fixture('float-between-qdq.onnx');
  const session = await openSession(model, { threads: 1, optimizedModelPath });
  await session.release();
  t.true(existsSync(optimizedModelPath));
  t.false(readFileSync(optimizedModelPath, 'latin1').includes('QLinearConv'));
});

for (const type of ['int4', 'uint4'] as const) {
  // In a process of its own: the runtime ends the one that asks for such values.
  test(`outputs of ${type} are refused, and the process goes on`, async (t) => {
    const home = temporaryFolder(t);
    const path = join(home, 'narrow.onnx');
    const graph = graphOf({
      inputs: [valueNamed('x', [2])],
      outputs: ['y'],
      nodes: [
        nodeOf('Cast', { inputs: ['x'], outputs: ['y'] }, ['to', int(elementTypes[type].code)]),
      ],
    });
    graph.outputs = [valueNamed('y', [2], type)];
    writeFileSync(path, writeModel({ ...modelOf(graph, 21), irVersion: 10 }));
    const { code, stderr } = await fettle(['bench', path, '--seconds', '0.1'], { home });
    t.is(code, 1);
    t.regex(stderr, /MODEL_UNRUNNABLE.*output y is u?int4/);
  });
}

test('options reach the runtime', async (t) => {
  const folder = temporaryFolder(t);
  const profilePrefix = join(folder, 'profile');
  const model = fixture('float-between-qdq.onnx');
  const session = await openSession(model, {
    threads: 1,
    optimization: 'disabled',
    arena: false,
    spinning: false,
    extra: { 'session.disable_prepacking': '1' },
    optimizedModelPath: join(folder, 'same.onnx'),
    profilePrefix,
  });
  await session.run({ x: { type: 'float', dims: [1, 4, 8, 8], data: new Float32Array(256) } });
  await session.release();
  t.is(readFileSync(join(folder, 'same.onnx'), 'latin1').split('DequantizeLinear').length, 3);
  await t.throwsAsync(openSession(model, { threads: 1, provider: 'nonesuch' }), {
    code: 'MODEL_UNRUNNABLE',
  });
});

test('the processor is a provider that opens, and the version is known', async (t) => {
  t.true((await openableProviders()).includes('cpu'));
  t.regex(await runtimeVersion(), /^\d+\.\d+\.\d+$/);
});
