/**
 * The golden set: a few prepared inputs with what a variant must answer to them. It is written
 * where the variant is built and checked on the device, because a kernel can be right on one
 * processor and wrong on another.
 */

import { FettleError } from '../errors.ts';
import { emptyTable, own } from '../own.ts';
import type { TensorInfo } from '../protocol/fields.ts';
import { batches, type DataSet, openDataSet } from './dataset.ts';
import { openExact } from './exact.ts';
import type { InputPreparation } from './manifest.ts';
import { argmax, noiseRatio, splitSamples, toDecibel } from './metrics.ts';
import { type NpyArray, openNpz, readArray, writeNpz } from './npz.ts';
import type { Session } from './runtime.ts';
import { elementsOf, isStorable, type RuntimeTensor, storage, type Tensors } from './tensor.ts';

export interface GoldenResult {
  readonly samples: number;
  /** The share of samples with the same largest element of the first output. */
  readonly agreement: number;
  /** The worst signal-to-noise ratio of any output of any sample; 200 where they are equal. */
  readonly sqnrDb: number;
}

export const goldenSamplesMax = 16;
/**
 * Large inputs get fewer samples, so that a device does not download more golden set than model.
 */
const samplesMin = 4;
const bytesWanted = 4 << 20;
const bytesMax = 256 << 20;
const prefixes = { input: 'input:', output: 'output:' } as const;

/**
 * Writes up to 16 samples, spread evenly over the data set, with the variant's answers. The same
 * inputs and answers give the same bytes. Returns the number of samples; 0, and no file, where the
 * outputs change shape from sample to sample or hold text. Throws what `openDataSet` throws.
 */
export async function writeGolden(request: GoldenRequest): Promise<number> {
  const session = await openExact(request.variantPath, { threads: 1 });
  try {
    const { dataPath, preparation } = request;
    const dataSet = await openDataSet(dataPath, { inputs: session.inputs, preparation });
    const limit = sampleCount(dataSet, request.samples ?? goldenSamplesMax);
    const every = Math.max(1, Math.floor(dataSet.samples / limit));
    const runs: Run[] = [];
    for await (const { feeds, count } of batches(dataSet, { limit, every })) {
      // A model of a fixed larger batch gets whole runs only, so that checking needs no filling up.
      if (count === dataSet.batch) runs.push({ feeds, outputs: await session.run(feeds) });
    }
    const arrays = stackRuns(runs, dataSet.batch);
    if (arrays === null) return 0;
    await writeNpz(request.outPath, arrays);
    return runs.length * dataSet.batch;
  } finally {
    await session.release();
  }
}

export interface GoldenRequest {
  readonly variantPath: string;
  readonly dataPath: string;
  readonly preparation?: Readonly<Record<string, InputPreparation>> | undefined;
  readonly outPath: string;
  readonly samples?: number;
}

/**
 * Runs the session on the golden inputs and compares. Throws `NPZ_INVALID`, `TOO_LARGE`,
 * `DATA_MISMATCH` where the file lacks an input, or `MODEL_UNRUNNABLE` where it does not fit.
 */
export async function checkGolden(session: Session, goldenPath: string): Promise<GoldenResult> {
  const golden = await readGolden(goldenPath, session.inputs);
  let agreed = 0;
  let worst = 0;
  for (let run = 0; run < golden.runs; run++) {
    const feeds = feedsOf(golden, run, session.inputs);
    const results = await session.run(feeds);
    const expected = Object.entries(runOf(golden.outputs, run, golden.runs));
    for (const [at, [name, tensor]] of expected.entries()) {
      const got = own(results, name);
      const wanted = splitSamples(tensor, { count: golden.batch, batch: golden.batch });
      const gotten = got ? splitSamples(got, { count: golden.batch, batch: golden.batch }) : [];
      for (const [sample, values] of wanted.entries()) {
        worst = Math.max(worst, noiseRatio(gotten[sample] ?? [], values));
        if (at === 0 && argmax(gotten[sample] ?? []) === argmax(values)) agreed += 1;
      }
    }
  }
  const samples = golden.runs * golden.batch;
  return { samples, agreement: samples === 0 ? 0 : agreed / samples, sqnrDb: toDecibel(worst) };
}

/** The golden inputs as runs of a model with these inputs. Throws as `checkGolden` does. */
export async function readGoldenFeeds(
  goldenPath: string,
  inputs: readonly TensorInfo[],
): Promise<{ readonly runs: readonly Tensors[]; readonly batch: number }> {
  const golden = await readGolden(goldenPath, inputs);
  const runs = Array.from({ length: golden.runs }, (_, run) => feedsOf(golden, run, inputs));
  return { runs, batch: golden.batch };
}

function feedsOf(golden: Golden, run: number, inputs: readonly TensorInfo[]): Tensors {
  const feeds = runOf(golden.inputs, run, golden.runs);
  for (const { name, shape } of inputs) {
    const feed = feeds[name];
    // A row of an array without further axes is a scalar where the model says so.
    if (feed !== undefined && shape.length === 0) feeds[name] = { ...feed, dims: [] };
  }
  return feeds;
}

/**
 * The least signal-to-noise ratio of the same variant on two processors. Kernels of one type differ
 * in the order of float sums, and 8-bit ones by single steps of rounding where a sum lies between
 * two; a saturated or wrong kernel is off by far more: docs/decisions/0016-golden-limits.md.
 */
export const goldenLimits = { float: 40, quantized: 20, agreement: 0.9 } as const;

/** Whether what was computed here is what was computed where the variant was built, and why not. */
export function judgeGolden(
  result: GoldenResult,
  { bits }: { bits: number },
): { readonly ok: boolean; readonly reason: string } {
  const least = bits >= 32 ? goldenLimits.float : goldenLimits.quantized;
  const ratio = `${result.sqnrDb.toFixed(1)} dB`;
  if (result.samples === 0) return { ok: false, reason: 'the golden set is empty' };
  if (!(result.sqnrDb >= least)) {
    return { ok: false, reason: `signal to noise ${ratio}, at least ${least} dB expected` };
  }
  // One sample may stand on the edge between two classes.
  const agreed = Math.round(result.agreement * result.samples);
  if (agreed < result.samples - 1 && result.agreement < goldenLimits.agreement) {
    return { ok: false, reason: `${agreed} of ${result.samples} samples have the same answer` };
  }
  return { ok: true, reason: `${ratio} on ${result.samples} samples` };
}

interface Run {
  readonly feeds: Tensors;
  readonly outputs: Tensors;
}

function sampleCount(dataSet: DataSet, asked: number): number {
  const elements = dataSet.sources.reduce((sum, { prepare }) => sum + elementsOf(prepare.shape), 0);
  const affordable = Math.max(samplesMin, Math.floor(bytesWanted / (4 * elements)));
  const wanted = Math.min(asked, goldenSamplesMax, affordable, dataSet.samples);
  return Math.max(wanted, Math.min(dataSet.batch, dataSet.samples));
}

/** The tensors of all runs one after another, or null where they do not stack. */
function stackRuns(runs: readonly Run[], batch: number): Record<string, NpyArray> | null {
  const [first] = runs;
  if (first === undefined) return null;
  const arrays = emptyTable<NpyArray>();
  for (const [role, prefix] of Object.entries(prefixes)) {
    const tensorsOf = (run: Run) => (role === 'input' ? run.feeds : run.outputs);
    for (const name of Object.keys(tensorsOf(first))) {
      const stacked = stack(
        runs.flatMap((run) => tensorsOf(run)[name] ?? []),
        batch,
      );
      if (stacked === null) return null;
      arrays[`${prefix}${name}`] = stacked;
    }
  }
  return arrays;
}

function stack(tensors: readonly RuntimeTensor[], batch: number): NpyArray | null {
  const [first] = tensors;
  if (first === undefined || !isStorable(first.type)) return null;
  const alike = tensors.every(({ dims }) => `${dims}` === `${first.dims}`);
  if (!alike) return null;
  const size = elementsOf(first.dims) * storage[first.type].BYTES_PER_ELEMENT;
  const bytes = new Uint8Array(size * tensors.length);
  for (const [at, { data }] of tensors.entries()) {
    if (Array.isArray(data)) return null;
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at * size);
  }
  const shape =
    first.dims[0] === batch
      ? [tensors.length * batch, ...first.dims.slice(1)]
      : [tensors.length, ...first.dims];
  return { type: first.type, shape, data: new storage[first.type](bytes.buffer) };
}

interface Golden {
  readonly inputs: Record<string, NpyArray>;
  readonly outputs: Record<string, NpyArray>;
  readonly runs: number;
  /** Samples of one run. */
  readonly batch: number;
}

async function readGolden(path: string, wanted: readonly TensorInfo[]): Promise<Golden> {
  const npz = await openNpz(path, { maxBytes: bytesMax });
  const inputs = emptyTable<NpyArray>();
  const outputs = emptyTable<NpyArray>();
  for (const name of npz.arrays.keys()) {
    const to = name.startsWith(prefixes.input) ? inputs : outputs;
    to[name.slice(name.indexOf(':') + 1)] = await readArray(npz, name);
  }
  const batch = Math.max(1, ...wanted.map(({ shape }) => shape[0] ?? 1));
  for (const { name } of wanted) {
    if (inputs[name]) continue;
    const got = Object.keys(inputs).join(', ');
    throw new FettleError('DATA_MISMATCH', { path, name, expected: `input:${name}`, got });
  }
  const [input] = wanted;
  const rows = (input && inputs[input.name]?.shape[0]) ?? 0;
  const runs = Math.floor(input?.shape.length ? rows / batch : rows);
  return { inputs, outputs, runs, batch };
}

/** The part of each array that one run is fed or answers. */
function runOf(arrays: Readonly<Record<string, NpyArray>>, run: number, runs: number): Tensors {
  const tensors: Tensors = emptyTable();
  for (const [name, { type, shape, data }] of Object.entries(arrays)) {
    const [rows = 0, ...rest] = shape;
    const size = data.length / runs;
    tensors[name] = {
      type,
      dims: [rows / runs, ...rest],
      data: data.slice(run * size, (run + 1) * size),
    };
  }
  return tensors;
}
