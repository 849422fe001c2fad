/** How fast a model is here and how much memory it takes, alone or against another one. */
import type { Progress } from '../variants.ts';
import { openDataSet, batches as readBatches } from './dataset.ts';
import type { InputPreparation } from './manifest.ts';
import { measurePeakMemory } from './peak-memory.ts';
import { findRandomFeeds } from './random-feeds.ts';
import { openSession, type Session } from './runtime.ts';
import type { Tensors } from './tensor.ts';
import { type InterleavedTiming, type TimedModel, timeInterleaved } from './timing.ts';

export interface BenchModel {
  readonly modelPath: string;
  readonly threads: number;
  /** Its first sample is fed; made-up inputs where there is none. */
  readonly dataPath: string | null;
  readonly preparation?: Readonly<Record<string, InputPreparation>> | undefined;
}

export interface BenchRequest {
  readonly model: BenchModel;
  readonly versus: BenchModel | null;
  readonly seconds: number;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

export interface BenchFigures {
  readonly latencyMsP50: number;
  readonly latencyMsP95: number;
  /** Samples in a second, run after run. */
  readonly throughputPerSecond: number;
  /** Largest resident memory of a process that only loads the model and runs it. */
  readonly peakMemoryMiB: number;
}

export interface BenchResult extends BenchFigures {
  readonly runs: number;
  readonly threads: number;
  readonly inputs: 'data' | 'random';
  readonly versus?: BenchFigures & {
    /** The other's p50 over this one's: above 1 this one is faster. */
    readonly ratio: number;
    readonly ratioP25: number;
    readonly ratioP75: number;
  };
}

const warmups = 5;
const maxRuns = 100_000;
const seed = 1;

/** Throws `MODEL_UNRUNNABLE`, and what opening a data set throws; an aborted signal its reason. */
export async function bench(request: BenchRequest): Promise<BenchResult> {
  const { model, versus, seconds, signal } = request;
  const asked = versus === null ? [model] : [versus, model];
  const memory: number[] = [];
  for (const one of asked) memory.push(await measurePeakMemory(one, signal));
  const { timings, ratios, batches } = await timeAll(asked, (models) =>
    timeInterleaved(models, {
      warmups,
      maxRuns,
      seconds,
      signal,
      onProgress: ({ done, total }) =>
        request.onProgress?.({ what: 'timing', done, total, unit: 'seconds' }),
    }),
  );
  const figures = timings.map((timing, at) => ({
    latencyMsP50: timing.latencyMsP50,
    latencyMsP95: timing.latencyMsP95,
    throughputPerSecond: timing.throughputPerSecond * (batches[at] ?? 1),
    peakMemoryMiB: memory[at] ?? 0,
  }));
  const own = figures.at(-1);
  const speed = ratios.at(-1);
  if (own === undefined || speed === undefined) throw new TypeError('nothing was timed');
  const other = versus === null ? undefined : figures[0];
  return {
    ...own,
    runs: timings.at(-1)?.runs ?? 0,
    threads: model.threads,
    inputs: model.dataPath === null ? 'random' : 'data',
    ...(other && { versus: { ...other, ...speed } }),
  };
}

/** What a model is fed when it is timed: the first sample of its data, or made-up inputs. */
export async function benchFeeds(session: Session, model: BenchModel): Promise<Tensors> {
  if (model.dataPath === null) return findRandomFeeds(session, seed);
  const { preparation, dataPath } = model;
  const dataSet = await openDataSet(dataPath, { inputs: session.inputs, preparation });
  for await (const { feeds } of readBatches(dataSet, { limit: dataSet.batch })) return feeds;
  return findRandomFeeds(session, seed);
}

async function timeAll(
  asked: readonly BenchModel[],
  time: (models: readonly TimedModel[]) => Promise<InterleavedTiming>,
): Promise<InterleavedTiming & { batches: number[] }> {
  const models: TimedModel[] = [];
  try {
    for (const model of asked) {
      const session = await openSession(model.modelPath, { threads: model.threads });
      models.push({ session, feeds: {} });
      models[models.length - 1] = { session, feeds: await benchFeeds(session, model) };
    }
    return { ...(await time(models)), batches: models.map(samplesOfRun) };
  } finally {
    for (const { session } of models) await session.release();
  }
}

/** The model's own leading dimension; 1 where it is open. */
function samplesOfRun({ session }: TimedModel): number {
  return Math.max(1, session.inputs[0]?.shape[0] ?? 1);
}
