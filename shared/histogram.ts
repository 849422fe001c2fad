/**
 * A mergeable histogram of positive values with a bounded relative error.
 * Buckets grow geometrically as in DDSketch (Masson, Rim, Lee: "DDSketch: a fast and
 * fully-mergeable quantile sketch with relative-error guarantees", VLDB 2019, §2.1):
 * bucket i holds (γ^(i−1), γ^i], γ = (1+α)/(1−α), and a quantile is off by at most α.
 */
export interface Histogram {
  count: number;
  sum: number;
  min: number;
  max: number;
  /** Bucket number → count; only buckets that hold something. */
  buckets: Record<string, number>;
}

/** Relative error of a quantile: 1 %. */
const alpha = 0.01;
const gamma = (1 + alpha) / (1 - alpha);
const logGamma = Math.log(gamma);
/** Values at or below this (in the caller's unit) share the lowest bucket. */
const smallest = 1e-4;

export function emptyHistogram(): Histogram {
  return { count: 0, sum: 0, min: 0, max: 0, buckets: {} };
}

/** Counts one value, in place. */
export function record(histogram: Histogram, value: number): void {
  const bucket = String(Math.ceil(Math.log(Math.max(value, smallest)) / logGamma));
  histogram.buckets[bucket] = (histogram.buckets[bucket] ?? 0) + 1;
  histogram.min = histogram.count === 0 ? value : Math.min(histogram.min, value);
  histogram.max = histogram.count === 0 ? value : Math.max(histogram.max, value);
  histogram.count += 1;
  histogram.sum += value;
}

/** A new histogram that holds what both hold. */
export function merge(a: Histogram, b: Histogram): Histogram {
  if (a.count === 0) return { ...b, buckets: { ...b.buckets } };
  if (b.count === 0) return { ...a, buckets: { ...a.buckets } };
  const buckets = new Map(Object.entries(a.buckets));
  for (const [bucket, count] of Object.entries(b.buckets)) {
    buckets.set(bucket, (buckets.get(bucket) ?? 0) + count);
  }
  return {
    count: a.count + b.count,
    sum: a.sum + b.sum,
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
    buckets: Object.fromEntries(buckets),
  };
}

/** The value below which the share `q` (0 to 1) of the counted values lies; 0 when empty. */
export function quantile(histogram: Histogram, q: number): number {
  const rank = q * (histogram.count - 1);
  let seen = 0;
  const ordered = Object.entries(histogram.buckets)
    .map(([bucket, count]) => [Number(bucket), count] as const)
    .sort(([a], [b]) => a - b);
  for (const [bucket, count] of ordered) {
    seen += count;
    if (seen > rank) {
      const middle = (2 * gamma ** bucket) / (gamma + 1);
      return Math.min(Math.max(middle, histogram.min), histogram.max);
    }
  }
  return 0;
}
