// Weights of 4 bits that compute in 8: what is stored, what the runtime makes of it, what it costs.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { buildVariant } from '../../../../shared/compress/build.ts';
import { canonicalise } from '../../../../shared/compress/canonical/canonicalise.ts';
import { compressFile } from '../../../../shared/compress/file.ts';
import { narrowLayers } from '../../../../shared/compress/narrow/layers.ts';
import type { Recipe } from '../../../../shared/compress/recipe.ts';
import type { FileRequest } from '../../../../shared/compress/request.ts';
import { loadSource } from '../../../../shared/compress/source.ts';
import { writeNpz } from '../../../../shared/evaluate/npz.ts';
import { loadPackage } from '../../../../shared/evaluate/package.ts';
import { measureQuality } from '../../../../shared/evaluate/quality.ts';
import { writeModel } from '../../../../shared/onnx/write.ts';
import { createRandom } from '../../../../shared/random.ts';
import { floats, graphOf, modelOf, nodeOf, valueNamed } from '../../../support/graphs.ts';

const digits = join(import.meta.dirname, '../../../../examples/digits');
const { signal } = new AbortController();
const stored: Recipe = { v: 1, bits: 4, activations: 8 };

async function folderFor(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fettle-stored-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test('4 bits are stored, 8 are computed with, and the answers stay', async (t) => {
  const folder = await folderFor(t);
  const { modelPath, manifest, calibrationPath, evaluationPath } = await loadPackage(digits);
  const { bytes, model } = await loadSource(modelPath);
  // Wide layers take a while; the others show the same.
  const chosen = narrowLayers(canonicalise(model).model)
    .layers.filter(({ columns, weights }) => columns <= 300 && weights.length > 4000)
    .map(({ node }) => node.name);
  t.true(chosen.length > 0);
  const layers = Object.fromEntries(chosen.map((name) => [name, 4 as const]));
  const recipe: Recipe = { v: 1, bits: 8, layers };
  const made = (how: Recipe) =>
    compressFile({ modelPath, manifest, calibrationPath, recipe: how, signal }, (digest) =>
      join(folder, `${digest.slice(7)}.onnx`),
    );
  const whole = await made({ v: 1, bits: 8 });
  const half = await made(recipe);
  const narrow = half.layers.filter(({ bits }) => bits === 4);
  t.deepEqual(narrow.map(({ name }) => name).toSorted(), chosen.toSorted());
  // The runtime's own optimized graph says so, as it is read back.
  for (const { compute, reason } of narrow) {
    t.is(compute, 'integer');
    t.regex(reason, /stored in 4 bits, widened to 8 .* runs as (QLinearConv|QGemm|QLinearMatMul)/);
  }
  t.true(half.bytes < whole.bytes, `${half.bytes} of ${whole.bytes} bytes`);
  const { quality } = await measureQuality({
    ...{ modelPath: half.path, dataPath: evaluationPath ?? '', preparation: manifest.inputs },
    ...{ metric: 'agreement', threads: 1, source: { path: modelPath } },
  });
  t.true(quality.value >= 0.98, `agreement ${quality.value}`);
  t.is(buildVariant(bytes, recipe, half.record).digest, half.digest);
});

test('matrices are stored and widened too; a budget of bytes gives some more bits', async (t) => {
  const folder = await folderFor(t);
  const { modelPath, calibrationPath } = await writeMatrices(folder);
  const made = (maxBytes?: FileRequest['maxBytes']) =>
    compressFile(
      {
        ...{ modelPath, manifest: null, calibrationPath, recipe: stored, signal },
        ...(maxBytes && { maxBytes }),
      },
      () => join(folder, 'v.onnx'),
    );
  const whole = await made();
  t.deepEqual(
    whole.layers.map(({ bits, compute }) => [bits, compute]),
    [
      [4, 'integer'],
      [4, 'integer'],
    ],
  );
  const bytes = whole.bytes + 1.2 * (side * side) * 0.5;
  const mixed = await made({ bytes });
  t.true(mixed.bytes <= bytes, `${mixed.bytes} of ${bytes} bytes`);
  t.deepEqual(mixed.layers.map(({ bits }) => bits).toSorted(), [4, 8]);
});

const side = 128;

/** Two products without a bias, and samples for them. */
async function writeMatrices(folder: string) {
  const random = createRandom(3);
  const values = (length: number) => Array.from({ length }, () => random() - 0.5);
  const product = (name: string, inputs: string[], output: string) => ({
    ...nodeOf('MatMul', { inputs, outputs: [output] }),
    name,
  });
  const { graph, ...rest } = modelOf(
    graphOf({
      nodes: [
        product('first', ['x', 'w1'], 'a'),
        nodeOf('Sigmoid', { inputs: ['a'], outputs: ['b'] }),
        product('second', ['b', 'w2'], 'y'),
      ],
      inputs: [valueNamed('x', [1, 1, side])],
      outputs: [],
      initializers: {
        w1: floats([side, side], values(side * side)),
        w2: floats([side, side], values(side * side)),
      },
    }),
  );
  const outputs = [valueNamed('y', [1, 1, side])];
  const modelPath = join(folder, 'model.onnx');
  await writeFile(modelPath, writeModel({ ...rest, graph: { ...graph, outputs } }));
  const calibrationPath = join(folder, 'calibration.npz');
  const data = Float32Array.from(values(32 * side));
  await writeNpz(calibrationPath, { x: { type: 'float', shape: [32, 1, side], data } });
  return { modelPath, calibrationPath };
}

test('what does not go with stored weights is refused', async (t) => {
  const folder = await folderFor(t);
  const { modelPath, manifest, calibrationPath } = await loadPackage(digits);
  const recipes: Recipe[] = [
    { ...stored, bits: 16 },
    { ...stored, corrections: ['equalize'] },
    { ...stored, sparsity: 0.5 },
  ];
  for (const recipe of recipes) {
    await t.throwsAsync(
      compressFile({ modelPath, manifest, calibrationPath, recipe, signal }, () =>
        join(folder, 'v.onnx'),
      ),
      { code: 'RECIPE_INVALID', message: /not supported/ },
    );
  }
});
