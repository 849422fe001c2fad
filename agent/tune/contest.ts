/**
 * Times runners in alternating blocks until the figures are good enough, and compares them round by
 * round with the first: what disturbs the machine for a while disturbs all of them alike (the
 * "duet" of Bulej et al., "Duet Benchmarking", ICPE 2020).
 */
import { quantileOf } from '../../shared/evaluate/timing.ts';
import type { Block, Runner } from './runner.ts';
import { medianInterval, relativeSpread } from './statistics.ts';
import type { Effort, Measured, Ratio } from './trial-protocol.ts';

/**
 * One block is long enough for several runs, and short enough for many rounds. Runs at the same
 * time take longer to fill all threads and to leave them.
 */
const blocks = { latency: { ms: 25, runs: 4 }, throughput: { ms: 120, runs: 8 } } as const;
/** The first run of a block finds the caches of another model; with so few runs it is kept. */
const dropBelowMs = 50;
const roundsMin = 6;
const roundsMax = 2000;
/** Latencies kept of one runner: enough for a p95 to three digits. */
const latenciesMax = 20_000;

interface Series {
  readonly runner: Runner;
  /** Takes part no more: it is behind for certain. */
  isOut: boolean;
  blockMs: number;
  readonly latenciesMs: number[];
  /** Of each round: the median latency, and runs a second. */
  readonly medians: number[];
  readonly rates: number[];
  runs: number;
  elapsedMs: number;
}

interface Terms {
  readonly compare: 'latency' | 'throughput';
  readonly effort: Effort;
}

/**
 * The first is what the others are compared with. One that is behind the best for certain takes no
 * part in further rounds: the time goes to those that may win.
 */
export async function contest(
  runners: readonly Runner[],
  { compare, effort }: Terms,
): Promise<Measured[]> {
  const series = runners.map((runner) => emptySeries(runner, blocks[compare].ms));
  for (const one of series) await warmUp(one, { compare, effort });
  const begin = performance.now();
  const [first] = series;
  for (let round = 0; round < roundsMax; round++) {
    const left = series.filter((one) => !one.isOut);
    // The order turns, so that none is always the one after the same other.
    const order = round % 2 === 0 ? left : left.toReversed();
    for (const one of order) add(one, await one.runner.block(one.blockMs), left.length > 1);
    if (isEnough(left, effort, { seconds: (performance.now() - begin) / 1000, round })) break;
    if (first) dropLosers(left, first, { compare, round });
  }
  const rivals = series.filter((one) => one !== first && !one.isOut);
  const leader = first && leaderOf(rivals, first, compare);
  return series.map((one) => ({
    ...summary(one),
    versus: first === undefined || one === first ? null : against(one, { first, leader, compare }),
  }));
}

function emptySeries(runner: Runner, blockMs: number): Series {
  return {
    ...{ runner, blockMs, isOut: false, latenciesMs: [], medians: [], rates: [] },
    ...{ runs: 0, elapsedMs: 0 },
  };
}

/** Runs until the time is over, and learns from it how long a block must be. */
async function warmUp(series: Series, { compare, effort }: Terms): Promise<void> {
  const { latenciesMs } = await series.runner.block(effort.warmUpMs);
  const usual = quantileOf(latenciesMs, 0.5);
  const { ms, runs } = blocks[compare];
  series.blockMs = Math.min(Math.max(ms, usual * runs), 1000);
}

/** An interval of fewer rounds is their range, and says little. */
const dropAfterRounds = 8;

function dropLosers(
  left: readonly Series[],
  first: Series,
  { compare, round }: Pick<Terms, 'compare'> & { readonly round: number },
): void {
  if (round + 1 < dropAfterRounds) return;
  const rivals = left.filter((one) => one !== first);
  const leader = leaderOf(rivals, first, compare);
  for (const rival of rivals) {
    if (leader && rival !== leader && ratioOf(rival, leader, compare).high < 1) rival.isOut = true;
  }
}

function leaderOf(rivals: readonly Series[], first: Series, compare: Terms['compare']) {
  const ratios = rivals.map((one) => ratioOf(one, first, compare).ratio);
  return rivals[ratios.indexOf(Math.max(...ratios))];
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
  if (so.seconds >= effort.secondsMax || Date.now() >= (effort.endsAtMs ?? Infinity)) return true;
  if (so.seconds < effort.secondsMin * series.length || so.round + 1 < roundsMin) return false;
  return series.every(
    (one) => one.runs >= effort.runsMin && relativeSpread(one.medians) <= effort.spread,
  );
}

function summary(series: Series): Omit<Measured, 'versus'> {
  return {
    loadMs: series.runner.loadMs,
    golden: series.runner.golden,
    latencyMsP50: quantileOf(series.latenciesMs, 0.5),
    latencyMsP95: quantileOf(series.latenciesMs, 0.95),
    throughputPerSecond: (1000 * series.runs) / Math.max(series.elapsedMs, 1e-6),
    runs: series.runs,
    spread: relativeSpread(series.medians),
  };
}

interface Standing extends Pick<Terms, 'compare'> {
  readonly first: Series;
  /** The best of those that took part to the end. */
  readonly leader: Series | undefined;
}

/**
 * One that is out has not seen the rounds that the others are judged by: it is held against the
 * leader in the rounds that both ran.
 */
function against(series: Series, { first, leader, compare }: Standing): Ratio {
  if (!series.isOut || leader === undefined) return ratioOf(series, first, compare);
  const lead = ratioOf(leader, first, compare);
  const { ratio, low, high, rounds } = ratioOf(series, leader, compare);
  return { ratio: ratio * lead.ratio, low: low * lead.ratio, high: high * lead.ratio, rounds };
}

/** Above 1 this one is better than the reference. */
function ratioOf(series: Series, reference: Series, compare: Terms['compare']): Ratio {
  const [ours, theirs] =
    compare === 'latency'
      ? [series.medians, reference.medians]
      : [series.rates.map((rate) => 1 / rate), reference.rates.map((rate) => 1 / rate)];
  const ratios = ours.map((own, round) => (theirs[round] ?? own) / own);
  const { median, low, high } = medianInterval(ratios);
  return { ratio: median, low, high, rounds: ratios.length };
}
