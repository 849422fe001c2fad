/** Small models whose variants are easily larger than they are, and what a build makes of them. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compressFile } from '../../shared/compress/file.ts';
import type { Recipe } from '../../shared/compress/recipe.ts';
import type { FileResult } from '../../shared/compress/request.ts';
import { writeNpz } from '../../shared/evaluate/npz.ts';
import { metricValue } from '../../shared/evaluate/outcome.ts';
import { measureQuality } from '../../shared/evaluate/quality.ts';
import type { Model, Tensor, ValueInfo } from '../../shared/onnx/graph.ts';
import { feeds } from '../../shared/onnx/graph.ts';
import { writeModel } from '../../shared/onnx/write.ts';
import { createRandom } from '../../shared/random.ts';
import { temporaryFolder } from './fettle.ts';
import { floats } from './graphs.ts';
import type { Owner } from './owner.ts';

const samples = 24;

export interface Scene {
  readonly folder: string;
  readonly modelPath: string;
  readonly dataPath: string;
  readonly sourceBytes: number;
}

/** Weights about as large as those of trained layers, so that nothing grows or dies out. */
export function weights(dims: readonly number[], seed: number): Tensor {
  const random = createRandom(seed);
  const count = dims.reduce((product, dim) => product * dim, 1);
  const [outputs = 1] = dims;
  const spread = Math.sqrt((3 * outputs) / Math.max(count, outputs));
  return floats(
    dims,
    Array.from({ length: count }, () => (2 * random() - 1) * spread),
  );
}

/** The model as a file, and samples of its inputs: integers are places in a table of `places`. */
export async function sceneOf(t: Owner, model: Model, places = 1): Promise<Scene> {
  const folder = temporaryFolder(t);
  const modelPath = join(folder, 'model.onnx');
  const bytes = writeModel(model);
  await writeFile(modelPath, bytes);
  const dataPath = join(folder, 'data.npz');
  const random = createRandom(11);
  const arrays = feeds(model.graph).map((input) => [input.name, arrayOf(input, random, places)]);
  await writeNpz(dataPath, Object.fromEntries(arrays));
  return { folder, modelPath, dataPath, sourceBytes: bytes.length };
}

function arrayOf({ type, dims }: ValueInfo, random: () => number, places: number) {
  const shape = [samples, ...(dims ?? []).slice(1).map(Number)];
  const count = shape.reduce((product, dim) => product * dim, 1);
  if (type !== 'int64') {
    const data = Float32Array.from({ length: count }, () => 2 * random() - 1);
    return { type: 'float', shape, data } as const;
  }
  const data = BigInt64Array.from({ length: count }, () => BigInt(Math.floor(random() * places)));
  return { type: 'int64', shape, data } as const;
}

/** The variant, and how far its answers are from the source's in decibels. */
export async function variantOf(
  { folder, modelPath, dataPath }: Scene,
  recipe: Omit<Recipe, 'v'>,
): Promise<FileResult & { readonly sqnrDb: number }> {
  const made = await compressFile(
    {
      ...{ modelPath, manifest: null, calibrationPath: dataPath, recipe: { v: 1, ...recipe } },
      signal: AbortSignal.timeout(120_000),
    },
    () => join(folder, 'variant.onnx'),
  );
  const { outcome } = await measureQuality({
    ...{ modelPath: made.path, dataPath, metric: 'sqnr', threads: 1 },
    source: { path: modelPath },
  });
  return { ...made, sqnrDb: metricValue(outcome) };
}
