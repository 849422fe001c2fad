/**
 * What a model scored on each sample of a data set, and what follows from it for its quality. Pure.
 */
import * as v from 'valibot';
import { FettleError } from '../errors.ts';
import { Count } from '../protocol/fields.ts';
import type { Quality } from '../protocol/tuning.ts';
import { type Manifest, metrics } from './manifest.ts';
import { type Metric, metricTable, toDecibel } from './metrics.ts';
import { type PairedDrop, pairedMeans, pairedProportions } from './paired.ts';

/** Measured once for a source and kept: a variant's quality needs no second run of the source. */
export const Outcome = v.looseObject({
  v: v.literal(1),
  metric: v.picklist(metrics),
  samples: Count,
  /** One score a sample, as `metricTable` says what it is. */
  scores: v.array(v.number()),
  /** The class answered for each sample: index of the largest element of the first output. */
  classes: v.array(Count),
  /** From where on an answer of one number is the second of two classes. */
  threshold: v.optional(v.number()),
  /** The share of all samples that the source answers alike, where it was run beside. */
  agreement: v.optional(v.number()),
});
export type Outcome = v.InferOutput<typeof Outcome>;

/** The metric's value: a share for classes, decibels for `sqnr`, a mean for `mse`. */
export function metricValue({ metric, scores }: Outcome): number {
  const mean = scores.reduce((sum, score) => sum + score, 0) / Math.max(1, scores.length);
  return metric === 'sqnr' ? toDecibel(mean) : mean;
}

/**
 * The variant's quality with its drop against the source on the same samples. What `drop` is: for
 * `top1`, `top5` and `agreement` a share of the samples; for `sqnr` noise power over signal power,
 * so that a `maxDrop` of 0.01 asks for 20 dB; for `mse` the error itself. Throws
 * `METRIC_IMPOSSIBLE`.
 */
export function qualityOf(variant: Outcome, source: Outcome): Quality {
  const { metric, samples } = variant;
  if (source.metric !== metric || source.samples !== samples) {
    const reason = `the source was measured as ${source.metric} on ${source.samples} samples`;
    throw new FettleError('METRIC_IMPOSSIBLE', { metric, reason });
  }
  const { drop, dropUpper } = dropOf(variant, source);
  return { metric, value: metricValue(variant), samples, drop, dropUpper };
}

/** The source compared with itself: nothing is lost, and nothing is uncertain about that. */
export function sourceQuality(source: Outcome): Quality {
  const { metric, samples } = source;
  return { metric, value: metricValue(source), samples, drop: 0, dropUpper: 0 };
}

/** The metric a package is judged by, with the reason. Throws `METRIC_IMPOSSIBLE`. */
export function chooseMetric(
  manifest: Manifest,
  labels: boolean,
): { readonly metric: Metric; readonly reason: string } {
  const metric = manifest.quality?.metric;
  if (metric === undefined) {
    return labels
      ? { metric: 'top1', reason: 'the data set has labels' }
      : { metric: 'agreement', reason: 'the data set has no labels: agreement with the source' };
  }
  requireLabels(metric, labels);
  return { metric, reason: 'the package asks for it' };
}

/** Throws `METRIC_IMPOSSIBLE` where the metric needs labels and there are none. */
export function requireLabels(metric: Metric, labels: boolean): void {
  if (!metricTable[metric].labels || labels) return;
  throw new FettleError('METRIC_IMPOSSIBLE', { metric, reason: 'the data set has no labels' });
}

function dropOf(variant: Outcome, source: Outcome): PairedDrop {
  if (metricTable[variant.metric].reference !== 'output') {
    const whole = variant.scores.every((score) => score === 0 || score === 1);
    if (whole || variant.samples < 2) return pairedProportions(source.scores, variant.scores);
    // Shares of a sample: positions that agree, boxes that are in both.
    return pairedMeans(source.scores.map((score, at) => score - (variant.scores[at] ?? 0)));
  }
  if (variant.samples < 2) {
    const reason = 'at least two samples are needed to say how certain it is';
    throw new FettleError('METRIC_IMPOSSIBLE', { metric: variant.metric, reason });
  }
  return pairedMeans(variant.scores);
}
