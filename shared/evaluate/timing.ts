/**
 * Models timed against each other in one process, turn by turn, so that whatever else the machine
 * does hits all alike.
 */
import type { Session } from './runtime.ts';
import type { Tensors } from './tensor.ts';

export interface TimedModel {
  readonly session: Session;
  readonly feeds: Readonly<Tensors>;
}

export interface TimingLimits {
  /** Runs of each model that are not counted. */
  readonly warmups: number;
  /** Wall time of all models together. */
  readonly seconds: number;
  /** Counted runs of each model, at most. */
  readonly maxRuns: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { done: number; total: number }) => void;
}

export interface Timing {
  readonly runs: number;
  readonly latencyMsP50: number;
  readonly latencyMsP95: number;
  /** Runs in a second of running, one after another. */
  readonly throughputPerSecond: number;
}

/** How many times faster than the first model another one is. */
export interface SpeedRatio {
  /** The first model's median over this one's: above 1 this one is faster. */
  readonly ratio: number;
  /** The middle half of the ratios of ten stretches of the same measurement. */
  readonly ratioP25: number;
  readonly ratioP75: number;
}

export interface InterleavedTiming {
  readonly timings: readonly Timing[];
  /** One for each model; the first one's is 1. */
  readonly ratios: readonly SpeedRatio[];
}

const runsMin = 5;

/**
 * Times the models in rounds, each round every model once and in reverse order every second time.
 * Ends after `seconds` or `maxRuns`, but not before five rounds. Throws `MODEL_UNRUNNABLE`; an
 * aborted signal throws its reason.
 */
export async function timeInterleaved(
  models: readonly TimedModel[],
  limits: TimingLimits,
): Promise<InterleavedTiming> {
  const { warmups, seconds, maxRuns, signal } = limits;
  for (let round = 0; round < warmups; round++) {
    signal?.throwIfAborted();
    for (const model of models) await timeRun(model);
  }
  const latencies: number[][] = models.map(() => []);
  const start = performance.now();
  for (let round = 0; round < Math.max(runsMin, maxRuns); round++) {
    signal?.throwIfAborted();
    const elapsed = (performance.now() - start) / 1000;
    limits.onProgress?.({ done: Math.min(elapsed, seconds), total: seconds });
    if (round >= runsMin && elapsed >= seconds) break;
    const order = [...models.keys()];
    for (const at of round % 2 === 0 ? order : order.reverse()) {
      const model = models[at];
      if (model) latencies[at]?.push(await timeRun(model));
    }
  }
  const [first = []] = latencies;
  return {
    timings: latencies.map(summarize),
    ratios: latencies.map((own) => ratioOf(first, own)),
  };
}

/**
 * The value below which the share `q` of the values lies, by linear interpolation; 0 where there
 * are none.
 */
export function quantileOf(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const position = q * (sorted.length - 1);
  const low = sorted[Math.floor(position)] ?? 0;
  const high = sorted[Math.ceil(position)] ?? 0;
  return low + (high - low) * (position - Math.floor(position));
}

async function timeRun({ session, feeds }: TimedModel): Promise<number> {
  const start = performance.now();
  await session.run(feeds);
  return performance.now() - start;
}

/** Latencies in milliseconds. */
export function summarize(latencies: readonly number[]): Timing {
  const total = latencies.reduce((sum, latency) => sum + latency, 0);
  return {
    runs: latencies.length,
    latencyMsP50: quantileOf(latencies, 0.5),
    latencyMsP95: quantileOf(latencies, 0.95),
    throughputPerSecond: total === 0 ? 0 : (1000 * latencies.length) / total,
  };
}

const stretches = 10;

function ratioOf(first: readonly number[], own: readonly number[]): SpeedRatio {
  const length = Math.max(1, Math.ceil(own.length / stretches));
  const ratios: number[] = [];
  for (let at = 0; at + length <= own.length; at += length) {
    ratios.push(medianRatio(first.slice(at, at + length), own.slice(at, at + length)));
  }
  return {
    ratio: medianRatio(first, own),
    ratioP25: quantileOf(ratios, 0.25),
    ratioP75: quantileOf(ratios, 0.75),
  };
}

function medianRatio(first: readonly number[], own: readonly number[]): number {
  const median = quantileOf(own, 0.5);
  return median === 0 ? 1 : quantileOf(first, 0.5) / median;
}
