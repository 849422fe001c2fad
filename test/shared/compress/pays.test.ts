import { join } from 'node:path';
import test from 'ava';
import { canonicalise } from '../../../shared/compress/canonical/canonicalise.ts';
import { measurePays, type TimeModels } from '../../../shared/compress/pays.ts';
import { computeLayers } from '../../../shared/compress/quantize/quantize.ts';
import { inputsOf, loadSource } from '../../../shared/compress/source.ts';
import { openDataSet } from '../../../shared/evaluate/dataset.ts';
import { loadPackage } from '../../../shared/evaluate/package.ts';
import { readModel } from '../../../shared/onnx/read.ts';

const digits = join(import.meta.dirname, '../../../examples/digits');

/** Times models by how many integer convolutions they have, as `msOf` says. */
async function measured(msOf: (integerLayers: number) => number) {
  const { modelPath, calibrationPath, manifest } = await loadPackage(digits);
  const { model } = canonicalise((await loadSource(modelPath)).model);
  const dataSet = await openDataSet(calibrationPath ?? '', {
    inputs: inputsOf(model),
    preparation: manifest.inputs,
  });
  const time: TimeModels = async (models) =>
    models.map((bytes) => {
      const { nodes, initializers } = readModel(bytes).graph;
      const weights = nodes.filter(
        ({ op, inputs }) =>
          op === 'DequantizeLinear' && initializers.get(inputs[0] ?? '')?.type === 'int8',
      );
      return msOf(weights.length);
    });
  const { signal } = new AbortController();
  const options = { dataSet, time, threads: 1, signal };
  const pays = await measurePays(model, { v: 1, bits: 8 }, options);
  return { ...pays, layers: computeLayers(model) };
}

test('where every layer in integers is faster, all of them are', async (t) => {
  const { recipe, layers } = await measured((integer) => 20 - integer);
  t.deepEqual(Object.keys(recipe.layers ?? {}).sort(), layers.toSorted());
  t.true(Object.values(recipe.layers ?? {}).every((bits) => bits === 8));
});

test('first layers that are slower in integers stay float', async (t) => {
  const { recipe, layers, reason } = await measured((integer) =>
    integer === 0 ? 10 : Math.abs(integer - 13) + 5,
  );
  const float = layers.filter((name) => recipe.layers?.[name] === 32);
  t.deepEqual(float, layers.slice(0, layers.length - 13));
  t.regex(reason, /2\.00 times the float model's speed/);
});

test('of equally fast ones, as many first layers are float as cost no bytes', async (t) => {
  const { recipe, layers } = await measured((integer) => (integer === 0 ? 10 : 5));
  const float = layers.filter((name) => recipe.layers?.[name] === 32);
  t.true(float.length >= 1);
  t.deepEqual(float, layers.slice(0, float.length));
});

test('where nothing beats float, float is returned', async (t) => {
  const { recipe, reason } = await measured((integer) => 10 + integer);
  t.deepEqual(recipe, { v: 1, bits: 32 });
  t.regex(reason, /not faster on this machine/);
});
