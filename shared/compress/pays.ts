/**
 * Which layers are worth 8 bits on this machine, by timing: models with the first layers in float
 * are timed in turns against each other and against the float model. First layers are where 8 bits
 * lose: few input channels, large maps, and the conversion of the input either way.
 */
import { FettleError } from '../errors.ts';
import { batches, type DataSet } from '../evaluate/dataset.ts';
import { openSession } from '../evaluate/runtime.ts';
import type { Tensors } from '../evaluate/tensor.ts';
import { quantileOf, type TimingLimits, timeInterleaved } from '../evaluate/timing.ts';
import type { Model } from '../onnx/graph.ts';
import { writeModel } from '../onnx/write.ts';
import type { Progress } from '../variants.ts';
import { observeModel } from './calibrate/observe.ts';
import { rangeOf } from './calibrate/ranges.ts';
import { computeLayers, quantizeModel, valuesToCalibrate } from './quantize/quantize.ts';
import type { BitWidth, Recipe } from './recipe.ts';
import { floatByRecipe } from './stay-float.ts';
import { targetOf } from './targets.ts';

/** The median latency of each model in milliseconds, timed in turns. */
export type TimeModels = (models: readonly Uint8Array[]) => Promise<number[]>;

export interface PaysOptions {
  readonly dataSet: DataSet;
  readonly time: TimeModels;
  readonly threads: number;
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface Pays {
  /** With the bits of each layer as measured; 32 bits altogether where 8 bits do not pay. */
  readonly recipe: Recipe;
  readonly reason: string;
}

/** How many first layers are left in float, at most so many candidates. */
const cuts = [0, 1, 2, 3, 4, 6, 8, 12, 16];
/** Ranges only have to be plausible here: they do not change how long a kernel takes. */
const samples = 4;
/**
 * Candidates this close to the fastest count as equally fast; of those the one with most layers in
 * float is the best, as rounding the first activations disturbs everything after them, as long as
 * it is not larger by more than this.
 */
const equallyFast = 1.03;
const equallySmall = 1.02;
/** Candidates that are timed again, side by side, before one is chosen. */
const finalists = 4;

export async function measurePays(
  canonical: Model,
  recipe: Recipe,
  options: PaysOptions,
): Promise<Pays> {
  const layers = computeLayers(canonical).filter(
    (name) => !(name in floatByRecipe(canonical, recipe)),
  );
  const candidates = cuts.filter((cut) => cut < layers.length);
  if (candidates.length === 0) return { recipe, reason: 'no layer can compute in 8 bits' };
  const models = await candidateModels(canonical, recipe, { layers, candidates, options });
  const float = writeModel(canonical);
  const timed = await timeCuts(candidates, models, { float, options });
  const best = timed.cuts.toSorted((a, b) => a.ms - b.ms).slice(0, finalists);
  options.signal.throwIfAborted();
  const again = await timeCuts(
    best.map(({ cut }) => cut),
    best.map(({ model }) => model),
    { float, options },
  );
  const chosen = choose(again.cuts);
  const ratio = (again.floatMs / chosen.ms).toFixed(2);
  if (chosen.ms > again.floatMs) {
    const reason = `8 bits are not faster on this machine: ${ratio} times the float model's speed`;
    return { recipe: { v: 1, bits: 32 }, reason };
  }
  const bits = layers.map((name, at): [string, BitWidth] => [name, at < chosen.cut ? 32 : 8]);
  const own = { ...recipe.layers, ...Object.fromEntries(bits) };
  return {
    recipe: { ...recipe, layers: own },
    reason: `${ratio} times the float model's speed with the first ${chosen.cut} layers float`,
  };
}

interface TimedCut {
  /** So many first layers are float. */
  readonly cut: number;
  readonly model: Uint8Array;
  readonly ms: number;
}

async function timeCuts(
  cuts: readonly number[],
  models: readonly Uint8Array[],
  { float, options }: { float: Uint8Array; options: PaysOptions },
): Promise<{ floatMs: number; cuts: TimedCut[] }> {
  const [floatMs = 0, ...times] = await options.time([float, ...models]);
  const timed = models.map((model, at) => ({ cut: cuts[at] ?? 0, model, ms: times[at] ?? 0 }));
  return { floatMs, cuts: timed };
}

function choose(cuts: readonly TimedCut[]): TimedCut {
  const least = Math.min(...cuts.map(({ ms }) => ms));
  const fast = cuts.filter(({ ms }) => ms <= least * equallyFast);
  const smallest = Math.min(...fast.map(({ model }) => model.length));
  const [chosen] = fast
    .filter(({ model }) => model.length <= smallest * equallySmall)
    .toSorted((a, b) => b.cut - a.cut);
  return chosen ?? { cut: 0, model: new Uint8Array(0), ms: Number.POSITIVE_INFINITY };
}

async function candidateModels(
  canonical: Model,
  recipe: Recipe,
  what: { layers: readonly string[]; candidates: readonly number[]; options: PaysOptions },
): Promise<Uint8Array[]> {
  const { layers, candidates, options } = what;
  const observed = await observeModel(canonical, {
    ...options,
    values: valuesToCalibrate(canonical),
    means: [],
    limit: samples,
    memoryBytes: Number.POSITIVE_INFINITY,
  });
  const ranges = Object.fromEntries(
    [...observed.histograms].map(([value, histogram]) => [value, rangeOf(histogram, 'minmax')]),
  );
  return candidates.map((cut) => {
    const float = Object.fromEntries(layers.slice(0, cut).map((name) => [name, 'a candidate']));
    const { model } = quantizeModel(canonical, {
      target: targetOf(recipe),
      float: { ...floatByRecipe(canonical, recipe), ...float },
      ranges,
      biases: {},
    });
    return writeModel(model);
  });
}

/**
 * Where a session's memory happens to lie makes all its runs faster or slower by some per cent
 * (Mytkowicz et al., "Producing Wrong Data Without Doing Anything Obviously Wrong!", ASPLOS 2009):
 * models are loaded so many times, and the middle one counts.
 */
const loads = 3;

/**
 * Times on this machine with the first sample of the data set, for about so many seconds a call.
 */
export function timerOf(
  dataSet: DataSet,
  limits: Pick<TimingLimits, 'seconds' | 'signal'> & { readonly threads: number },
): TimeModels {
  return async (models) => {
    const { feeds } = await firstBatch(dataSet);
    const medians: number[][] = [];
    for (let load = 0; load < loads; load += 1) {
      medians.push(await timeLoaded(models, { ...limits, feeds, seconds: limits.seconds / loads }));
    }
    return models.map((_, at) =>
      quantileOf(
        medians.map((one) => one[at] ?? 0),
        0.5,
      ),
    );
  };
}

async function timeLoaded(
  models: readonly Uint8Array[],
  { feeds, threads, ...limits }: Parameters<typeof timerOf>[1] & { readonly feeds: Tensors },
): Promise<number[]> {
  const sessions = [];
  try {
    for (const model of models) sessions.push(await openSession(model, { threads }));
    const { timings } = await timeInterleaved(
      sessions.map((session) => ({ session, feeds })),
      { ...limits, warmups: 5, maxRuns: 2000 },
    );
    return timings.map(({ latencyMsP50 }) => latencyMsP50);
  } finally {
    for (const session of sessions) await session.release();
  }
}

async function firstBatch(dataSet: DataSet) {
  for await (const batch of batches(dataSet, { limit: 1 })) return batch;
  throw new FettleError('DATA_MISMATCH', {
    path: dataSet.path,
    name: '-',
    expected: 'at least one sample',
    got: '0',
  });
}
