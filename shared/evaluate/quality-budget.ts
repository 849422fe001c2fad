/**
 * Whether a variant keeps within the quality it may lose, as honestly as the data allow. Pure.
 *
 * Few samples cannot prove that nothing is lost: of 400 with four answers lost and four gained, the
 * 95 % upper bound is 1.3 points. To ask for the bound would refuse nearly every variant, to ask
 * for the observed drop alone would pass what was lucky. So one standard error must fit into the
 * budget beside the observed drop, but takes at most half of it: `docs/decisions/0006-quality-
 * budget.md`.
 */
import type { Quality } from '../protocol/tuning.ts';

export interface QualityVerdict {
  readonly within: boolean;
  /** Even the upper end of the 95 % confidence interval is within the budget. */
  readonly proven: boolean;
  readonly reason: string;
}

/** One-sided 95 % quantile of the normal distribution, which `dropUpper` was made with. */
const z95 = 1.6449;

export function judgeQuality(quality: Quality, maxDrop: number): QualityVerdict {
  const { drop, dropUpper } = quality;
  const proven = dropUpper <= maxDrop;
  const margin = Math.min(Math.max(0, dropUpper - drop) / z95, maxDrop / 2);
  const within = proven || drop + margin <= maxDrop;
  const said = `${sayLoss(quality, drop)}, ${sayDrop(quality, maxDrop)} allowed`;
  if (!within) {
    const tooFew = drop <= maxDrop ? `: too close for ${quality.samples} samples` : '';
    return { within, proven, reason: `${said}${tooFew}` };
  }
  const worst = `at worst ${sayLoss(quality, dropUpper)}, with 95 % confidence`;
  return { within, proven, reason: `${said}, ${proven ? 'proven' : 'not proven'}: ${worst}` };
}

/** `0.5 points of top1 lost`, or gained. */
export function sayLoss(quality: Pick<Quality, 'metric'>, drop: number): string {
  return drop < 0 ? `${sayDrop(quality, -drop)} gained` : `${sayDrop(quality, drop)} lost`;
}

/** Metrics that are shares are told in points, others in their own unit. */
const shares = ['top1', 'top5', 'agreement'];

export function sayDrop(quality: Pick<Quality, 'metric'>, drop: number): string {
  if (!shares.includes(quality.metric)) return `${round(drop)} ${quality.metric}`;
  const points = round(drop * 100);
  return `${points} point${points === '1' ? '' : 's'} of ${quality.metric}`;
}

/** A metric's value: `82.1 %` of what is a share, else in its own unit. */
export function sayValue({ metric }: Pick<Quality, 'metric'>, value: number): string {
  return shares.includes(metric) ? `${round(value * 100)} %` : `${round(value)} ${metric}`;
}

function round(value: number): string {
  const text = value.toFixed(Math.abs(value) < 10 ? 2 : 1);
  return text.replace(/\.?0+$/, '').replace(/^-0$/, '0');
}
