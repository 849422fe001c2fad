import test from 'ava';
import type { Attribute } from '../../../shared/onnx/graph.ts';
import { inspectModel } from '../../../shared/onnx/inspect.ts';
import { readModelFile } from '../../../shared/onnx/read.ts';
import { graphOf, modelOf, nodeOf, valueNamed, zeros } from '../../support/graphs.ts';
import { sharedModelOrSkip } from '../../support/models.ts';

const pads: readonly [string, Attribute] = ['pads', { kind: 'ints', value: [1, 1, 1, 1] }];

/** A residual block, a squeeze to a classifier, and what cannot be quantized. */
const model = modelOf(
  graphOf({
    nodes: [
      nodeOf('Conv', { inputs: ['x', 'w1'], outputs: ['a'] }, pads),
      nodeOf('Relu', { inputs: ['a'], outputs: ['a1'] }),
      nodeOf('Conv', { inputs: ['a1', 'w2'], outputs: ['b'] }, pads),
      nodeOf('Add', { inputs: ['b', 'x'], outputs: ['c'] }),
      nodeOf('HardSwish', { inputs: ['c'], outputs: ['d'] }),
      nodeOf('Conv', { inputs: ['d', 'dw'], outputs: ['e'] }, pads, [
        'group',
        { kind: 'int', value: 8 },
      ]),
      nodeOf('GlobalAveragePool', { inputs: ['e'], outputs: ['f'] }),
      nodeOf('Flatten', { inputs: ['f'], outputs: ['g'] }),
      nodeOf('Gemm', { inputs: ['g', 'v'], outputs: ['y'] }),
    ],
    inputs: [valueNamed('x', ['N', 8, 10, 10])],
    outputs: ['y'],
    initializers: {
      w1: zeros([16, 8, 3, 3]),
      w2: zeros([8, 16, 3, 3]),
      dw: zeros([8, 1, 3, 3]),
      v: zeros([8, 5]),
    },
  }),
);

test('a model is counted', (t) => {
  const { inputs, outputs, opset, parameters, bytes, macs, operators } = inspectModel(model);
  t.deepEqual(inputs, [{ name: 'x', type: 'float', dims: ['N', 8, 10, 10] }]);
  t.deepEqual(outputs, [{ name: 'y', type: 'float', dims: ['N', 5] }]);
  t.is(opset, 17);
  t.is(parameters, 2 * 16 * 8 * 9 + 8 * 9 + 40);
  t.is(bytes, parameters * 4);
  t.is(macs, 100 * (2 * 16 * 8 * 9 + 8 * 9) + 40);
  t.deepEqual(Object.entries(operators)[0], ['Conv', 3]);
});

test('what can be quantized, and why the rest cannot', (t) => {
  const verdicts = inspectModel(model).quantizable;
  const not = verdicts.filter((verdict) => !verdict.quantizable);
  t.deepEqual(
    not.map(({ op, reason }) => [op, reason.split(':')[0]]),
    [['HardSwish', 'no 8-bit kernel']],
  );
});

test('real models are counted as their papers do', async (t) => {
  const path = sharedModelOrSkip(t, 'squeezenet/model.onnx');
  if (path === null) return;
  const { macs, layers } = inspectModel(await readModelFile(path));
  // SqueezeNet 1.1 is given with 0.35 billion multiply-adds.
  t.is(Math.round((macs ?? 0) / 1e7), 35);
  t.is(layers.length, 26);
});

test('a quantized model says so, and float16 is named', async (t) => {
  const path = sharedModelOrSkip(t, 'other/resnet20-ort-qdq.onnx');
  const half = sharedModelOrSkip(t, 'other/squeezenet-fp16.onnx');
  if (path === null || half === null) return;
  const { quantizable } = inspectModel(await readModelFile(path));
  const convs = quantizable.filter(({ op }) => op === 'Conv');
  t.true(convs.every(({ reason }) => reason === 'is quantized already'));
  const reasons = new Set(inspectModel(await readModelFile(half)).quantizable.map((v) => v.reason));
  t.true(reasons.has('computes in float16: only float is quantized'));
});

test('control flow leaves the count open', async (t) => {
  const path = sharedModelOrSkip(t, 'other/silero-vad.onnx');
  if (path === null) return;
  const { macs, quantizable } = inspectModel(await readModelFile(path));
  t.is(macs, null);
  t.regex(quantizable.find(({ op }) => op === 'If')?.reason ?? '', /control flow/);
});
