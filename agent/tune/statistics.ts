/** Order statistics of timings. Pure. */
import { quantileOf } from '../../shared/evaluate/timing.ts';

/**
 * The median with its 95 % confidence interval by order statistics, which assumes nothing about the
 * distribution (Conover, Practical Nonparametric Statistics, 3rd ed., §3.2). With fewer than six
 * values the interval is their range.
 */
export function medianInterval(values: readonly number[]): {
  median: number;
  low: number;
  high: number;
} {
  const sorted = values.toSorted((a, b) => a - b);
  const reach = 1.96 * Math.sqrt(sorted.length / 4);
  const low = Math.max(0, Math.floor(sorted.length / 2 - reach) - 1);
  const high = Math.min(sorted.length - 1, Math.ceil(sorted.length / 2 + reach));
  return {
    median: quantileOf(values, 0.5),
    low: sorted[low] ?? Number.NaN,
    high: sorted[high] ?? Number.NaN,
  };
}

/** Half the width of the median's interval, over the median. */
export function relativeSpread(values: readonly number[]): number {
  const { median, low, high } = medianInterval(values);
  return median > 0 ? (high - low) / 2 / median : 0;
}
