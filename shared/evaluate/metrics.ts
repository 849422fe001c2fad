/** What a model's answers are worth: metrics of single samples, from outputs as plain numbers. */
import type { metrics as metricNames } from './manifest.ts';
import { numbersOf, type RuntimeTensor } from './tensor.ts';

export type Metric = (typeof metricNames)[number];

interface MetricKind {
  /** It needs the right answers. */
  readonly labels: boolean;
  /** It compares with what the source answers: with its class, or with its whole output. */
  readonly reference: 'none' | 'class' | 'output';
  /** What a sample's score is. */
  readonly score: string;
}

export const metricTable = {
  top1: { labels: true, reference: 'none', score: '1 where the largest output is the label' },
  top5: { labels: true, reference: 'none', score: '1 where the label is among the five largest' },
  agreement: { labels: false, reference: 'class', score: '1 where the largest output is the same' },
  sqnr: { labels: false, reference: 'output', score: 'noise power over signal power' },
  mse: { labels: false, reference: 'output', score: 'mean squared difference' },
} as const satisfies Record<Metric, MetricKind>;

/** Index of the largest value, the first of equal ones; NaN is never the largest. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let at = 1; at < values.length; at++) {
    const value = values[at] ?? Number.NaN;
    const largest = values[best] ?? Number.NaN;
    if (value > largest || (Number.isNaN(largest) && !Number.isNaN(value))) best = at;
  }
  return best;
}

/**
 * Whether fewer than `k` values are larger than that of `label`; of equal values the first counts
 * as larger.
 */
export function isAmongTop(values: ArrayLike<number>, label: number, k: number): boolean {
  const own = values[label];
  if (own === undefined || Number.isNaN(own)) return false;
  let larger = 0;
  for (let at = 0; at < values.length && larger < k; at++) {
    const value = values[at] ?? Number.NaN;
    if (value > own || (value === own && at < label)) larger += 1;
  }
  return larger < k;
}

/** Σ(reference − values)² / Σ reference², at most `noiseRatioMax`; not-a-number counts as that. */
export function noiseRatio(values: ArrayLike<number>, reference: ArrayLike<number>): number {
  const noise = squaredDifference(values, reference);
  if (noise === 0) return 0;
  let signal = 0;
  for (let at = 0; at < reference.length; at++) signal += (reference[at] ?? 0) ** 2;
  const ratio = noise / signal;
  return Number.isFinite(ratio) ? Math.min(ratio, noiseRatioMax) : noiseRatioMax;
}

export const noiseRatioMax = 1e12;
/** What an output without any noise gets. */
export const sqnrDbMax = 200;

/** Signal to quantization noise in decibels: −10·log10 of the noise ratio. */
export function toDecibel(ratio: number): number {
  return ratio <= 10 ** (-sqnrDbMax / 10) ? sqnrDbMax : 0 - 10 * Math.log10(ratio);
}

/** What an output that is not finite costs: so much that nothing accepts it, and that sums hold. */
export const meanSquareMax = 1e30;

/** Mean squared difference, at most `meanSquareMax`; not-a-number counts as that. */
export function meanSquaredDifference(
  values: ArrayLike<number>,
  reference: ArrayLike<number>,
): number {
  const mean = squaredDifference(values, reference) / Math.max(1, reference.length);
  return Number.isFinite(mean) ? Math.min(mean, meanSquareMax) : meanSquareMax;
}

function squaredDifference(values: ArrayLike<number>, reference: ArrayLike<number>): number {
  if (values.length !== reference.length) return Number.POSITIVE_INFINITY;
  let sum = 0;
  for (let at = 0; at < reference.length; at++) {
    const a = values[at] ?? 0;
    const b = reference[at] ?? 0;
    // Equal infinities differ by nothing, though their difference is not a number.
    if (a !== b) sum += (a - b) ** 2;
  }
  return sum;
}

/** The outputs of each sample of a run of `count`, by splitting the leading axis of `batch`. */
export function splitSamples(
  tensor: RuntimeTensor,
  { count, batch }: { count: number; batch: number },
): ArrayLike<number>[] {
  const values = numbersOf(tensor);
  if (batch === 1 || tensor.dims[0] !== batch) return [values];
  const size = values.length / batch;
  return Array.from({ length: count }, (_, at) =>
    Array.prototype.slice.call(values, at * size, (at + 1) * size),
  );
}
