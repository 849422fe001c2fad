/** A small model compressed through the public door, and how far it lies from its source. */
import { join } from 'node:path';
import { compressFile } from '../../shared/compress/file.ts';
import { noiseShare } from '../../shared/compress/noise-share.ts';
import type { Recipe } from '../../shared/compress/recipe.ts';
import type { FileResult } from '../../shared/compress/request.ts';
import { type NpyArray, writeNpz } from '../../shared/evaluate/npz.ts';
import { openSession } from '../../shared/evaluate/runtime.ts';
import { allocate, type Tensors } from '../../shared/evaluate/tensor.ts';
import { feeds, type Model } from '../../shared/onnx/graph.ts';
import { readModelFile } from '../../shared/onnx/read.ts';
import { writeModelFile } from '../../shared/onnx/write.ts';
import { emptyTable } from '../../shared/own.ts';
import { createRandom } from '../../shared/random.ts';
import { temporaryFolder } from './fettle.ts';
import type { Owner } from './owner.ts';

export interface Fitted extends FileResult {
  /** Signal to noise of the worst output over samples that calibration did not see. */
  readonly db: number;
  readonly model: Model;
}

const sampleCount = 24;
/** What exporters write and variants do without: so small a model is else given back as it is. */
const metadata = new Map([['exporter', 'e'.repeat(20_000)]]);

/** Float inputs are uniform between `from` and 1; sizes that vary are 1. */
export async function fitted(
  t: Owner,
  source: Model,
  { from = -1, ...recipe }: Recipe & { readonly from?: number },
): Promise<Fitted> {
  const folder = temporaryFolder(t);
  const [modelPath, calibrationPath] = [join(folder, 'model.onnx'), join(folder, 'data.npz')];
  await writeModelFile(modelPath, { ...source, metadata });
  await writeNpz(calibrationPath, samplesOf(source, { seed: 1, count: sampleCount, from }));
  const { signal } = new AbortController();
  const request = { modelPath, manifest: null, calibrationPath, recipe, signal };
  const result = await compressFile(request, () => join(folder, 'variant.onnx'));
  const db = await signalToNoise(modelPath, result.path, { source, from });
  return { ...result, db, model: await readModelFile(result.path) };
}

async function signalToNoise(
  one: string,
  other: string,
  { source, from }: { source: Model; from: number },
): Promise<number> {
  const [a, b] = [await openSession(one, { threads: 1 }), await openSession(other, { threads: 1 })];
  let share = 0;
  try {
    for (let seed = 100; seed < 108; seed += 1) {
      const inputs = feedsOf(source, samplesOf(source, { seed, count: 1, from }));
      share += noiseShare(await a.run(inputs), await b.run(inputs)) / 8;
    }
  } finally {
    await a.release();
    await b.release();
  }
  return share === 0 ? 200 : -10 * Math.log10(share);
}

function feedsOf(source: Model, arrays: Readonly<Record<string, NpyArray>>): Tensors {
  const scalars = new Set(feeds(source.graph).flatMap((one) => (one.dims?.length ? [] : one.name)));
  const tensors: Tensors = emptyTable();
  for (const [name, { type, shape, data }] of Object.entries(arrays)) {
    tensors[name] = { type, dims: scalars.has(name) ? [] : shape, data };
  }
  return tensors;
}

function samplesOf(
  { graph }: Model,
  { seed, count, from }: { seed: number; count: number; from: number },
): Record<string, NpyArray> {
  const random = createRandom(seed);
  const arrays = emptyTable<NpyArray>();
  for (const { name, type, dims } of feeds(graph)) {
    const [first = 1, ...rest] = (dims ?? []).map((size) => (typeof size === 'number' ? size : 1));
    const shape = [count * first, ...rest];
    const whole = type === 'bool' || type === 'int64' ? type : 'float';
    const data = allocate(
      whole,
      shape.reduce((product, size) => product * size, 1),
    );
    for (let at = 0; at < data.length; at += 1) {
      if (data instanceof BigInt64Array) data[at] = BigInt(Math.floor(2 * random()));
      else data[at] = whole === 'bool' ? Math.round(random()) : from + (1 - from) * random();
    }
    arrays[name] = { type: whole, shape, data };
  }
  return arrays;
}
