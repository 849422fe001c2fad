import test from 'ava';
import { quantizedAlready } from '../../../shared/compress/already-quantized.ts';
import { buildVariant } from '../../../shared/compress/build.ts';
import { readModelFile } from '../../../shared/onnx/read.ts';
import { writeModel } from '../../../shared/onnx/write.ts';
import { floats, graphOf, modelOf, nodeOf, valueNamed } from '../../support/graphs.ts';
import { sharedModelOrSkip } from '../../support/models.ts';

const quantized = writeModel(
  modelOf(
    graphOf({
      inputs: [valueNamed('x', [1, 4])],
      outputs: ['y'],
      initializers: { s: floats([], [0.5]) },
      nodes: [
        nodeOf('QuantizeLinear', { inputs: ['x', 's'], outputs: ['q'] }),
        nodeOf('DequantizeLinear', { inputs: ['q', 's'], outputs: ['y'] }),
      ],
    }),
  ),
);

for (const bits of [8, 32] as const) {
  test(`what is quantized already keeps its bytes at ${bits} bits, and it is said`, (t) => {
    const built = buildVariant(quantized, { v: 1, bits }, null);
    t.deepEqual(built.bytes, quantized);
    t.regex(built.notes.join(' '), /quantized already .*QuantizeLinear/);
  });
}

for (const name of ['resnet20-ort-qdq', 'resnet8-already-quantized', 'resnet8-ort-qoperator']) {
  test(`${name} is seen to be quantized`, async (t) => {
    const path = sharedModelOrSkip(t, `other/${name}.onnx`);
    if (path !== null) t.truthy(quantizedAlready(await readModelFile(path)));
  });
}
