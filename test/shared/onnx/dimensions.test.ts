import { readFileSync } from 'node:fs';
import test from 'ava';
import { openSession } from '../../../shared/evaluate/runtime.ts';
import { fixDimensions } from '../../../shared/onnx/dimensions.ts';
import { readModel } from '../../../shared/onnx/read.ts';
import { inferShapes } from '../../../shared/onnx/shapes.ts';
import { writeModel } from '../../../shared/onnx/write.ts';
import { graphOf, modelOf, nodeOf, valueNamed } from '../../support/graphs.ts';
import { sharedModelOrSkip } from '../../support/models.ts';

function dynamic() {
  return modelOf(
    graphOf({
      nodes: [nodeOf('Relu', { inputs: ['x'], outputs: ['y'] })],
      inputs: [valueNamed('x', ['N', 3, null])],
      outputs: ['y'],
    }),
  );
}

test('sizes are fixed by name and by place', (t) => {
  const model = dynamic();
  fixDimensions(model, { N: 2, 'x[2]': 7 });
  t.deepEqual(inferShapes(model).get('y')?.dims, [2, 3, 7]);
});

test('a name that no input has, or a size that is none, is refused', (t) => {
  t.throws(() => fixDimensions(dynamic(), { M: 2 }), {
    message: /one of N, x\[0\], x\[2\], got M/,
  });
  for (const size of [0, -1, 1.5, Number.NaN]) {
    t.throws(() => fixDimensions(dynamic(), { N: size }), { message: /positive whole number/ });
  }
});

test('a real model with its batch fixed is loaded with that shape', async (t) => {
  const path = sharedModelOrSkip(t, 'resnet20-cifar/model.onnx');
  if (path === null) return;
  const model = readModel(readFileSync(path));
  fixDimensions(model, { N: 4 });
  const session = await openSession(writeModel(model), { threads: 1 });
  t.deepEqual(session.inputs[0]?.shape, [4, 3, 32, 32]);
  t.deepEqual(session.outputs[0]?.shape, [4, 10]);
  await session.release();
});
