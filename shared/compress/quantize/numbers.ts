/**
 * Affine quantization x ≈ scale·(q − zero): the formulas of ONNX QuantizeLinear and of
 * onnxruntime/python/tools/quantization/quant_utils.py (compute_scale_zp). float64 in a fixed
 * order, so that every machine gets the same integers.
 */
import type { ActivationRange } from '../record.ts';

export interface Quantizer {
  /** A float32 value. */
  readonly scale: number;
  readonly zero: number;
  readonly low: number;
  readonly high: number;
}

export interface Grid {
  readonly low: number;
  readonly high: number;
  readonly symmetric: boolean;
}

/** Scales below the smallest normal float32 would be flushed to zero by some kernels. */
const smallestScale = 2 ** -126;

/** Nearest integer, ties to even, as QuantizeLinear rounds. */
export function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest < 0.5) return floor;
  if (rest > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

export function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

/** The quantizer of a range, which is widened to hold zero so that zero is exact. */
export function quantizerOf(range: ActivationRange, grid: Grid): Quantizer {
  const { low, high } = grid;
  const min = Math.min(range.min, 0);
  const max = Math.max(range.max, 0);
  if (grid.symmetric) {
    const most = Math.max(-min, max);
    const { scale } = withScale((2 * most) / (high - low));
    return { scale, zero: roundToEven((low + high) / 2) + 0, low, high };
  }
  const exact = (max - min) / (high - low);
  const { scale } = withScale(exact);
  // By the scale before it is rounded, as the reference quantizer does.
  const zero = exact > 0 ? clamp(roundToEven(low - min / exact), low, high) : low;
  return { scale, zero, low, high };
}

function withScale(exact: number): { scale: number } {
  const scale = Math.fround(exact);
  return { scale: Number.isFinite(scale) && scale >= smallestScale ? scale : 1 };
}

export function quantize(value: number, { scale, zero, low, high }: Quantizer): number {
  return clamp(roundToEven(value / scale) + zero, low, high);
}

export function dequantize(q: number, { scale, zero }: Quantizer): number {
  return (q - zero) * scale;
}
