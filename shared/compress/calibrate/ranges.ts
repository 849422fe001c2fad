/** Ranges from histograms: pure functions, one per calibrator. */
import type { ActivationRange } from '../record.ts';
import { entropyRange } from './entropy.ts';
import { halfBins, type ValueHistogram } from './histogram.ts';
import { leastErrorRange } from './mse.ts';

export type RangeRule = 'minmax' | 'percentile' | 'entropy' | 'mse';

/** The share of values that the percentile calibrator keeps. */
const keptShare = 0.9999;

/** The range that the rule gives for what was observed, within the observed minimum and maximum. */
export function rangeOf(histogram: ValueHistogram, rule: RangeRule): ActivationRange {
  if (histogram.total === 0) return { min: 0, max: 0 };
  return rules[rule](histogram);
}

const rules: Record<RangeRule, (histogram: ValueHistogram) => ActivationRange> = {
  minmax: ({ min, max }) => ({ min, max }),
  percentile: (histogram) => percentileRange(histogram, keptShare),
  entropy: entropyRange,
  mse: leastErrorRange,
};

/** Cuts half of what is not kept off each tail. */
export function percentileRange(histogram: ValueHistogram, kept: number): ActivationRange {
  const { counts, total, width, min, max } = histogram;
  const spare = (total * (1 - kept)) / 2;
  let below = 0;
  let first = 0;
  while (first < counts.length && below + (counts[first] ?? 0) <= spare) {
    below += counts[first] ?? 0;
    first += 1;
  }
  let above = 0;
  let last = counts.length - 1;
  while (last > first && above + (counts[last] ?? 0) <= spare) {
    above += counts[last] ?? 0;
    last -= 1;
  }
  return {
    min: Math.max(min, (first - halfBins) * width),
    max: Math.min(max, (last + 1 - halfBins) * width),
  };
}
