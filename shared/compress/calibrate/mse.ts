/**
 * The range with the least squared error: rounding costs step²/12 for every value inside (a
 * uniform error, Bennett 1948; none for exact zeros), clipping costs the squared distance outside
 * (Banner, Nahshan, Soudry: "Post training 4-bit quantization", NeurIPS 2019, §3).
 */
import type { ActivationRange } from '../record.ts';
import { halfBins, type ValueHistogram } from './histogram.ts';

/** Candidates for one end of the range, from all of it down to a fifth. */
const candidates = 64;
const smallestShare = 0.2;
/** Each end is searched with the other held, this many times. */
const rounds = 3;

export function leastErrorRange(histogram: ValueHistogram, steps = 255): ActivationRange {
  const { min, max } = histogram;
  const tails = tailsOf(histogram);
  const full = { min: Math.min(min, 0), max: Math.max(max, 0) };
  let best = full;
  for (let round = 0; round < rounds; round += 1) {
    const before = best;
    best = bestOf(
      ends().map((share) => ({ ...best, max: full.max * share })),
      (range) => costOf(range, tails, steps),
    );
    best = bestOf(
      ends().map((share) => ({ ...best, min: full.min * share })),
      (range) => costOf(range, tails, steps),
    );
    if (best.min === before.min && best.max === before.max) break;
  }
  return best;
}

function ends(): number[] {
  return Array.from(
    { length: candidates },
    (_, i) => 1 - ((1 - smallestShare) * i) / (candidates - 1),
  );
}

function bestOf(
  ranges: readonly ActivationRange[],
  cost: (range: ActivationRange) => number,
): ActivationRange {
  let best = ranges[0] ?? { min: 0, max: 0 };
  let least = Infinity;
  for (const range of ranges) {
    const value = cost(range);
    if (value < least) {
      least = value;
      best = range;
    }
  }
  return best;
}

interface Tails {
  readonly width: number;
  readonly inexact: number;
  /** By bin: counts, sums and sums of squares of everything in that bin or farther out. */
  readonly above: readonly Float64Array[];
  readonly below: readonly Float64Array[];
}

function tailsOf({ counts, width, total, zeros }: ValueHistogram): Tails {
  const side = (sign: 1 | -1) => {
    const sums = [0, 1, 2].map(() => new Float64Array(halfBins + 1));
    for (let i = halfBins - 1; i >= 0; i -= 1) {
      const count = counts[sign > 0 ? halfBins + i : halfBins - 1 - i] ?? 0;
      const centre = (i + 0.5) * width;
      [count, count * centre, count * centre * centre].forEach((term, power) => {
        const sum = sums[power];
        if (sum) sum[i] = (sum[i + 1] ?? 0) + term;
      });
    }
    return sums;
  };
  return { width, inexact: total - zeros, above: side(1), below: side(-1) };
}

function costOf(range: ActivationRange, tails: Tails, steps: number): number {
  const step = (range.max - range.min) / steps;
  const rounding = (tails.inexact * step * step) / 12;
  return (
    rounding + clipping(tails.above, range.max, tails) + clipping(tails.below, -range.min, tails)
  );
}

/** Σ (|x| − end)² over what lies farther out than `end`. */
function clipping(sums: readonly Float64Array[], end: number, { width }: Tails): number {
  if (width === 0) return 0;
  const bin = Math.min(halfBins, Math.ceil(end / width));
  const [n = 0, sum = 0, squares = 0] = sums.map((each) => each[bin] ?? 0);
  return Math.max(0, squares - 2 * end * sum + end * end * n);
}
