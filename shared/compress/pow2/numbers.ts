/**
 * Fixed point as integer DSPs compute with it: x_int = round(x·2^p), one p for a whole tensor, so
 * that every change of scale is a shift. A p that is larger by one halves the step and the range.
 */
import type { ValueHistogram } from '../calibrate/histogram.ts';
import { halfBins } from '../calibrate/histogram.ts';
import { clamp, roundToEven } from '../quantize/numbers.ts';
import type { LayerFloats, QuantizedLayer } from '../quantize/weights.ts';
import type { ActivationRange } from '../record.ts';

/** How many more bits of fraction than clip nothing are tried. */
const clippedSteps = 4;
/** float32 scales of 2^-p stay normal numbers, also products of two. */
const exponentMax = 60;

/**
 * The range of 8-bit words at the p of least squared error. Values of one sign take all 256 words,
 * others 128 on each side of zero: the zero point is 0 or the middle, nothing else.
 */
export function powerRange(histogram: ValueHistogram): ActivationRange {
  const zero = histogram.min >= 0 ? 0 : 128;
  const peak = Math.max(histogram.max / (255 - zero), zero === 0 ? 0 : -histogram.min / zero);
  if (!(peak > 0) || !Number.isFinite(peak)) return rangeAt(0, zero);
  const least = largestExponent(peak);
  const p = bestExponent(least, (exponent) => histogramError(histogram, exponent, zero));
  return rangeAt(p, zero);
}

function rangeAt(p: number, zero: number): ActivationRange {
  return { min: -zero * 2 ** -p, max: (255 - zero) * 2 ** -p };
}

/** The largest p at which a step is still at least this. */
function largestExponent(step: number): number {
  let p = clamp(Math.floor(-Math.log2(step)), -exponentMax, exponentMax);
  // The logarithm may be off in its last place.
  while (p < exponentMax && 2 ** -(p + 1) >= step) p += 1;
  while (p > -exponentMax && 2 ** -p < step) p -= 1;
  return p;
}

function bestExponent(from: number, errorAt: (p: number) => number): number {
  let best = from;
  let least = errorAt(from);
  for (let p = from + 1; p <= Math.min(from + clippedSteps, exponentMax); p += 1) {
    const error = errorAt(p);
    if (error < least) {
      least = error;
      best = p;
    }
  }
  return best;
}

/**
 * A bin's values lie at its centre; rounding costs step²/12 each (Bennett 1948), clipping its
 * square.
 */
function histogramError(histogram: ValueHistogram, p: number, zero: number): number {
  const { counts, width, zeros, total } = histogram;
  const { min, max } = rangeAt(p, zero);
  let error = ((total - zeros) * 4 ** -p) / 12;
  for (let i = 0; i < counts.length; i += 1) {
    const count = counts[i] ?? 0;
    if (count === 0) continue;
    const centre = (i - halfBins + 0.5) * width;
    const beyond = centre - clamp(centre, min, max);
    error += count * beyond * beyond;
  }
  return error;
}

export interface WordLength {
  /** Bits of a weight: 8, or fewer in the same kernels. */
  readonly bits: 8 | 4 | 2;
  /** Largest weight that the kernel takes (63 where it saturates). */
  readonly most: number;
}

/**
 * Weights and biases at one p each; the bias has the p of its products, p_x + p_w, exactly. A p so
 * large that a bias would overflow int32 is made smaller.
 */
export function powerLayer(
  layer: LayerFloats,
  input: { readonly scale: number },
  { bits, most }: WordLength,
): QuantizedLayer {
  const { weights, biases, channels } = layer;
  const high = Math.min(2 ** (bits - 1) - 1, most);
  const low = -high - 1;
  let [peak, bias] = [0, 0];
  for (const weight of weights) peak = Math.max(peak, weight / high, weight / low);
  for (const value of biases ?? []) bias = Math.max(bias, Math.abs(value));
  const finest = bias > 0 ? largestExponent(bias / (input.scale * biasMax)) : exponentMax;
  const start = peak > 0 ? largestExponent(peak) : 0;
  const chosen = bestExponent(start, (p) => weightError(weights, p, { low, high }));
  const scale = 2 ** -Math.min(chosen, finest);
  const step = input.scale * scale;
  return {
    scales: new Float64Array(channels).fill(scale),
    weights: Int8Array.from(weights, (w) => clamp(roundToEven(w / scale), low, high)),
    biases:
      biases && Int32Array.from(biases, (b) => clamp(roundToEven(b / step), -biasMax, biasMax)),
    biasScales: biases && new Float64Array(channels).fill(step),
  };
}

/** int32 without its last part, so that sums have room. */
const biasMax = 2 ** 31 - 2 ** 24;

function weightError(
  weights: Float64Array,
  p: number,
  { low, high }: { low: number; high: number },
): number {
  const scale = 2 ** -p;
  let sum = 0;
  for (const weight of weights) {
    const error = weight - scale * clamp(roundToEven(weight / scale), low, high);
    sum += error * error;
  }
  return sum;
}
