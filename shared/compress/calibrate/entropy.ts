/**
 * The range whose 8-bit distribution differs least from the observed one, by Kullback-Leibler
 * divergence: Migacz, "8-bit inference with TensorRT" (GTC 2017), with 2048 bins of |x| merged
 * into 128 levels. (A quantizer that starts from 128 bins has one candidate only: min-max.)
 */
import type { ActivationRange } from '../record.ts';
import { halfBins, type ValueHistogram } from './histogram.ts';

const levels = 128;
/**
 * Every n-th threshold is tried: 1 costs 16 times as much and moves the result within a bin or two.
 */
const stride = 16;
const smoothing = 1e-4;

export function entropyRange(histogram: ValueHistogram): ActivationRange {
  const { min, max, width } = histogram;
  const folded = foldSigns(histogram);
  const used = Math.min(halfBins, Math.ceil(Math.max(max, -min) / width) || 0);
  let best = { divergence: Infinity, bins: Math.max(used, 1) };
  for (let bins = levels; bins <= used; bins += stride) {
    const divergence = divergenceAt(folded, bins);
    if (divergence < best.divergence) best = { divergence, bins };
  }
  const threshold = best.bins * width;
  return { min: Math.max(min, -threshold), max: Math.min(max, threshold) };
}

/** Counts of |x|; the exact zeros are left out, as they are the same in every quantizer. */
function foldSigns({ counts, zeros }: ValueHistogram): Float64Array {
  const folded = new Float64Array(halfBins);
  for (let i = 0; i < halfBins; i += 1) {
    folded[i] = (counts[halfBins + i] ?? 0) + (counts[halfBins - 1 - i] ?? 0);
  }
  folded[0] = (folded[0] ?? 0) - zeros;
  return folded;
}

/**
 * KL(P‖Q): P the first `bins` with what lies beyond in the last, Q those merged into the levels.
 */
function divergenceAt(folded: Float64Array, bins: number): number {
  let beyond = 0;
  for (let i = bins; i < folded.length; i += 1) beyond += folded[i] ?? 0;
  const merged = mergeLevels(folded, bins);
  let pSum = beyond;
  let qSum = 0;
  for (let i = 0; i < bins; i += 1) {
    pSum += folded[i] ?? 0;
    qSum += merged[i] ?? 0;
  }
  if (pSum === 0 || qSum === 0) return Infinity;
  let divergence = 0;
  for (let i = 0; i < bins; i += 1) {
    const p = ((folded[i] ?? 0) + (i === bins - 1 ? beyond : 0)) / pSum;
    if (p === 0) continue;
    const q = Math.max((merged[i] ?? 0) / qSum, smoothing / bins);
    divergence += p * Math.log(p / q);
  }
  return divergence;
}

function mergeLevels(folded: Float64Array, bins: number): Float64Array {
  const merged = new Float64Array(bins);
  const perLevel = bins / levels;
  for (let level = 0; level < levels; level += 1) {
    const from = Math.floor(level * perLevel);
    const to = level === levels - 1 ? bins : Math.floor((level + 1) * perLevel);
    let sum = 0;
    let filled = 0;
    for (let i = from; i < to; i += 1) {
      const count = folded[i] ?? 0;
      sum += count;
      if (count > 0) filled += 1;
    }
    for (let i = from; i < to; i += 1) {
      if ((folded[i] ?? 0) > 0) merged[i] = sum / filled;
    }
  }
  return merged;
}
