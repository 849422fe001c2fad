/** The median of values that come and go, within 1 %. */

export interface Median {
  /** Counts a positive value in, or out again. */
  count(value: number, by: 1 | -1): void;
  /** Null where nothing is counted. */
  value(): number | null;
}

/** Buckets grow by this factor: their middle is off by at most 1 %. */
const logGrowth = Math.log(1.02);

export function createMedian(): Median {
  const buckets = new Map<number, number>();
  let total = 0;
  return {
    count(value, by) {
      const bucket = Math.round(Math.log(value) / logGrowth);
      const held = (buckets.get(bucket) ?? 0) + by;
      if (held === 0) buckets.delete(bucket);
      else buckets.set(bucket, held);
      total += by;
    },
    value() {
      let left = Math.floor((total - 1) / 2);
      for (const [bucket, held] of [...buckets].sort(([a], [b]) => a - b)) {
        if (left < held) return Math.exp(bucket * logGrowth);
        left -= held;
      }
      return null;
    },
  };
}
