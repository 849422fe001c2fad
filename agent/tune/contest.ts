/**
 * Times runners in alternating blocks until the figures are good enough, and compares them round by
 * round with the first: what disturbs the machine for a while disturbs all of them alike (the
 * "duet" of Bulej et al., "Duet Benchmarking", ICPE 2020).
 */
import { quantileOf } from '../../shared/evaluate/timing.ts';
import type { Block, Runner } from './runner.ts';
import { medianInterval, relativeSpread } from './statistics.ts';
import type { Effort, Measured, Ratio } from './trial-protocol.ts';

/** One block is long enough for several runs, and short enough for many rounds. */
const block = { ms: 25, runs: 4 } as const;
/** The first run of a block finds the caches of another model; with so few runs it is kept. */
const dropBelowMs = 50;
const roundsMin = 6;
const roundsMax = 2000;
/** Latencies kept of one runner: enough for a p95 to three digits. */
const latenciesMax = 20_000;

interface Series {
  readonly runner: Runner;
  blockMs: number;
  readonly latenciesMs: number[];
  /** Of each round: the median latency, and runs a second. */
  readonly medians: number[];
  readonly rates: number[];
  runs: number;
  elapsedMs: number;
}

export async function contest(
  runners: readonly Runner[],
  { compare, effort }: { compare: 'latency' | 'throughput'; effort: Effort },
): Promise<Measured[]> {
  const series = runners.map((runner) => emptySeries(runner));
  for (const one of series) await warmUp(one, effort);
  const begin = performance.now();
  for (let round = 0; round < roundsMax; round++) {
    // The order turns, so that none is always the one after the same other.
    const order = round % 2 === 0 ? series : series.toReversed();
    for (const one of order) add(one, await one.runner.block(one.blockMs), runners.length > 1);
    if (isEnough(series, effort, { seconds: (performance.now() - begin) / 1000, round })) break;
  }
  const first = series[0];
  return series.map((one) => summary(one, one === first ? undefined : first, compare));
}

function emptySeries(runner: Runner): Series {
  return {
    ...{ runner, blockMs: block.ms, latenciesMs: [], medians: [], rates: [] },
    ...{ runs: 0, elapsedMs: 0 },
  };
}

/** Runs until the time is over, and learns from it how long a block must be. */
async function warmUp(series: Series, effort: Effort): Promise<void> {
  const { latenciesMs } = await series.runner.block(effort.warmUpMs);
  const usual = quantileOf(latenciesMs, 0.5);
  series.blockMs = Math.min(Math.max(block.ms, usual * block.runs), 1000);
}

function add(series: Series, { latenciesMs, elapsedMs }: Block, alternating: boolean): void {
  const [first = 0] = latenciesMs;
  const drops = alternating && latenciesMs.length > 1 && first < dropBelowMs;
  const kept = drops ? latenciesMs.slice(1) : latenciesMs;
  const ms = drops ? elapsedMs - first : elapsedMs;
  if (series.latenciesMs.length < latenciesMax) series.latenciesMs.push(...kept);
  series.medians.push(quantileOf(kept, 0.5));
  series.rates.push((1000 * kept.length) / Math.max(ms, 1e-6));
  series.runs += kept.length;
  series.elapsedMs += ms;
}

function isEnough(
  series: readonly Series[],
  effort: Effort,
  so: { seconds: number; round: number },
): boolean {
  if (so.seconds >= effort.secondsMax) return true;
  if (so.seconds < effort.secondsMin * series.length || so.round + 1 < roundsMin) return false;
  return series.every(
    (one) => one.runs >= effort.runsMin && relativeSpread(one.medians) <= effort.spread,
  );
}

function summary(
  series: Series,
  reference: Series | undefined,
  compare: 'latency' | 'throughput',
): Measured {
  return {
    loadMs: series.runner.loadMs,
    golden: series.runner.golden,
    latencyMsP50: quantileOf(series.latenciesMs, 0.5),
    latencyMsP95: quantileOf(series.latenciesMs, 0.95),
    throughputPerSecond: (1000 * series.runs) / Math.max(series.elapsedMs, 1e-6),
    runs: series.runs,
    spread: relativeSpread(series.medians),
    versus: reference === undefined ? null : ratioOf(series, reference, compare),
  };
}

/** Above 1 this one is better than the reference. */
function ratioOf(series: Series, reference: Series, compare: 'latency' | 'throughput'): Ratio {
  const [ours, theirs] =
    compare === 'latency'
      ? [series.medians, reference.medians]
      : [series.rates.map((rate) => 1 / rate), reference.rates.map((rate) => 1 / rate)];
  const ratios = ours.map((own, round) => (theirs[round] ?? own) / own);
  const { median, low, high } = medianInterval(ratios);
  return { ratio: median, low, high, rounds: ratios.length };
}
