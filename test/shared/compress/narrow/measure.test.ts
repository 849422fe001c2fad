// Holds measured rounding against rounding to nearest, on the shipped example and in the large.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { buildVariant } from '../../../../shared/compress/build.ts';
import { canonicalise } from '../../../../shared/compress/canonical/canonicalise.ts';
import { compressFile } from '../../../../shared/compress/file.ts';
import { fitLayer } from '../../../../shared/compress/narrow/fit.ts';
import { narrowLayers } from '../../../../shared/compress/narrow/layers.ts';
import type { Recipe } from '../../../../shared/compress/recipe.ts';
import { loadSource } from '../../../../shared/compress/source.ts';
import { loadPackage } from '../../../../shared/evaluate/package.ts';
import { measureQuality } from '../../../../shared/evaluate/quality.ts';

const digits = join(import.meta.dirname, '../../../../examples/digits');
const { signal } = new AbortController();

test('on calibration data 2 bits lose less, and the record gives the same bytes', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'fettle-narrow-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const { modelPath, manifest, calibrationPath, evaluationPath } = await loadPackage(digits);
  const { bytes, model } = await loadSource(modelPath);
  const { layers } = narrowLayers(canonicalise(model).model);
  // Wide layers take a while; the others show the same.
  const narrow = layers.filter(({ columns }) => columns <= 300).map(({ node }) => node.name);
  t.true(narrow.length > 0);
  const recipe: Recipe = {
    ...{ v: 1, bits: 32, activations: 32 },
    layers: Object.fromEntries(narrow.map((name) => [name, 2])),
  };
  const common = { modelPath, manifest, recipe, signal };
  const measured = await compressFile({ ...common, calibrationPath }, () => join(folder, 'm.onnx'));
  const nearest = await compressFile({ ...common, calibrationPath: null }, () =>
    join(folder, 'n.onnx'),
  );
  t.truthy(measured.record);
  t.is(nearest.record, null);
  t.is(buildVariant(bytes, recipe, measured.record).digest, measured.digest);
  const noise = async (path: string) => {
    const { quality } = await measureQuality({
      ...{ modelPath: path, dataPath: evaluationPath ?? '', preparation: manifest.inputs },
      ...{ metric: 'sqnr', threads: 1, limit: 100, source: { path: modelPath } },
    });
    return quality.value;
  };
  const [with_, without] = [await noise(measured.path), await noise(nearest.path)];
  t.true(with_ > without, `${with_} dB with data, ${without} dB without`);
});

test('with exact inputs nothing moves and the bias makes up for the mean', (t) => {
  const columns = 16;
  const inputs = new Float64Array(columns * columns);
  for (let i = 0; i < columns; i += 1) inputs[i * columns + i] = 1000;
  const mean = new Float64Array(columns).fill(0.5);
  const moments = { inputs, drift: new Float64Array(columns * columns), exactMean: mean, mean };
  const weights = Float64Array.from({ length: 2 * columns }, (_, i) => Math.sin(i));
  const shape = { bits: 4, rows: 2, columns, blockSize: 16 } as const;
  const { blocks, bias } = fitLayer(weights, shape, [{ ...moments, rows: 1000 }]);
  for (const row of [0, 1]) {
    let lost = 0;
    for (let i = 0; i < columns; i += 1) {
      const at = row * columns + i;
      const value =
        (blocks.scales[row] ?? 0) * ((blocks.integers[at] ?? 0) - (blocks.zeros[row] ?? 0));
      lost += 0.5 * ((weights[at] ?? 0) - value);
    }
    t.true(Math.abs((bias[row] ?? 0) - lost) < 1e-9);
  }
});
