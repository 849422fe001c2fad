import test from 'ava';
import { canonicalise } from '../../../../shared/compress/canonical/canonicalise.ts';
import { readModelFile } from '../../../../shared/onnx/read.ts';
import { worstDifference } from '../../../support/agree.ts';
import { sharedModelOrSkip } from '../../../support/models.ts';

const real = [
  'squeezenet',
  'mobilenet-v1-025',
  'resnet20-cifar',
  'resnet8-cifar',
  'resnet8-cifar-keras',
  'cnn-cifar',
  'keywords',
  'mnist',
];

for (const name of real) {
  test(`computes the same as the real model: ${name}`, async (t) => {
    const path = sharedModelOrSkip(t, `${name}/model.onnx`);
    if (path === null) return;
    const model = await readModelFile(path);
    const canonical = canonicalise(model);
    // Noise excites a network more than images do, and a softmax spreads the rounding.
    t.true((await worstDifference(model, canonical.model)) <= 2e-5);
    const ops = new Set(canonical.model.graph.nodes.map((node) => node.op));
    for (const op of ['BatchNormalization', 'Pad', 'Slice', 'Cast', 'Shape']) t.false(ops.has(op));
  });
}
