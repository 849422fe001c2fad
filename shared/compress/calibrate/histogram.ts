/**
 * Values of one tensor counted in bins of one width on both sides of zero. The width is a power of
 * two; a value beyond the last bin doubles it and merges bins in pairs, which loses nothing else.
 */

/** Bins on each side of zero. */
export const halfBins = 2048;

export interface ValueHistogram {
  width: number;
  /** Bin `halfBins + i` counts values in [i·width, (i+1)·width). */
  readonly counts: Float64Array;
  /** How many values are exactly zero: they cost no rounding error. */
  zeros: number;
  total: number;
  min: number;
  max: number;
  /** Infinities and NaN, which are counted here only. */
  strange: number;
}

export function emptyValues(): ValueHistogram {
  const counts = new Float64Array(2 * halfBins);
  return { width: 0, counts, zeros: 0, total: 0, min: Infinity, max: -Infinity, strange: 0 };
}

/** Counts values, in place. */
export function observe(histogram: ValueHistogram, data: Float32Array): void {
  let low = histogram.min;
  let high = histogram.max;
  for (let i = 0; i < data.length; i += 1) {
    const value = data[i] ?? 0;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low === -Infinity || high === Infinity) {
    observe(histogram, data.filter(Number.isFinite));
    histogram.strange += data.length - data.filter(Number.isFinite).length;
    return;
  }
  histogram.min = low;
  histogram.max = high;
  histogram.total += data.length;
  widen(histogram, Math.max(high, -low));
  count(histogram, data);
}

function count(histogram: ValueHistogram, data: Float32Array): void {
  const { counts } = histogram;
  const inverse = histogram.width === 0 ? 0 : 1 / histogram.width;
  let zeros = 0;
  for (let i = 0; i < data.length; i += 1) {
    const value = data[i] ?? 0;
    // Without a branch: behind a Relu every second value is zero, and none foretells the next.
    zeros += Number(value === 0);
    // Shifted to be positive, so that cutting the fraction off rounds down.
    const bin = (value * inverse + halfBins) | 0;
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  histogram.zeros += zeros;
}

function widen(histogram: ValueHistogram, peak: number): void {
  if (peak === 0) return;
  if (histogram.width === 0) {
    histogram.width = 2 ** (Math.floor(Math.log2(peak)) + 1) / halfBins;
  }
  while (peak >= histogram.width * halfBins) {
    mergePairs(histogram.counts);
    histogram.width *= 2;
  }
}

/** Bins −2i and −2i−1 become −i, bins 2i and 2i+1 become i: zero stays an edge. */
function mergePairs(counts: Float64Array): void {
  const merged = new Float64Array(counts.length);
  for (let i = 0; i < counts.length; i += 1) {
    const bin = halfBins + Math.floor((i - halfBins) / 2);
    merged[bin] = (merged[bin] ?? 0) + (counts[i] ?? 0);
  }
  counts.set(merged);
}
