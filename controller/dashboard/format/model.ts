/** Models, variants, plans and quality as people name them. */
import type { Recipe } from '../../../shared/compress/recipe.ts';
import { own } from '../../../shared/own.ts';
import type { VersionComparison } from '../../../shared/protocol/comparisons.ts';
import type { Plan, Quality } from '../../../shared/protocol/tuning.ts';
import { absent, formatPercent, threeDigits } from './numbers.ts';

/** `digits@3`. */
export function modelVersion(name: string, version: number): string {
  return `${name}@${version}`;
}

/** Bits of a variant: `32 bit`, `8 bit`, `8/4 bit` where layers differ. */
export function bitsLabel(recipe: Recipe): string {
  const widths = new Set([recipe.bits, ...Object.values(recipe.layers ?? {})]);
  return `${[...widths].sort((a, b) => b - a).join('/')}\u202fbit`;
}

/** `1 thread`, `4 threads`, `2 × 1 thread`, `4 threads · batch 8 · 2 stages`. */
export function planLabel(plan: Plan): string {
  const threads = `${plan.threads} thread${plan.threads === 1 ? '' : 's'}`;
  return [
    plan.instances > 1 ? `${plan.instances} × ${threads}` : threads,
    plan.batch > 1 ? `batch ${plan.batch}` : '',
    plan.stages > 1 ? `${plan.stages} stages` : '',
  ]
    .filter((part) => part !== '')
    .join(' · ');
}

/** A metric's value in its own unit: shares as percent, signal-to-noise in dB. */
export function metricValue(metric: string, value: number): string {
  if (isShare(metric)) return formatPercent(value, 2);
  if (metric === 'sqnr') return `${threeDigits(value)}\u202fdB`;
  return Math.abs(value) < 0.01 && value !== 0 ? value.toExponential(2) : threeDigits(value);
}

export function qualityLabel(quality: Quality | null): string {
  return quality === null ? absent : metricValue(quality.metric, quality.value);
}

/** What was lost against the source: `0.12 points`, `nothing`, or below zero what was gained. */
export function lossLabel(quality: Quality): string {
  return lossText(quality.metric, quality.drop);
}

/** A version against the one before in a word: `0.12 points lost`, `96.50 % alike`. */
export function beforeLabel(comparison: VersionComparison): string {
  const { basis, metric, before, after, agreement } = comparison;
  if (basis === 'quality' && metric !== null && before !== null && after !== null) {
    return `${lossText(metric, before - after)} lost`;
  }
  if (basis === 'agreement' && agreement !== null) return `${formatPercent(agreement, 2)} alike`;
  return absent;
}

/** `15 of 16`. */
export function alikeLabel({ samples, agreement }: { samples: number; agreement: number }): string {
  return `${Math.round(agreement * samples)} of ${samples}`;
}

/** A fall of a metric: shares in points of a percent, others in their own unit. */
export function lossText(metric: string, drop: number): string {
  const loss = isShare(metric) ? drop * 100 : drop;
  if (Math.abs(loss) < 0.005) return 'nothing';
  const unit = isShare(metric) ? ' points' : metric === 'sqnr' ? '\u202fdB' : '';
  return `${loss < 0 ? '−' : ''}${Math.abs(loss).toFixed(2)}${unit}`;
}

/** Names of metrics as people write them. */
export function metricName(metric: string): string {
  const names: Readonly<Record<string, string>> = {
    top1: 'top-1 accuracy',
    top5: 'top-5 accuracy',
    agreement: 'agreement with the source',
    sqnr: 'signal to noise',
    mse: 'mean squared error',
  };
  return own(names, metric) ?? metric;
}

/** `sha256:0123…` as its first twelve digits. */
export function shortDigest(digest: string): string {
  return digest.replace(/^sha256:/, '').slice(0, 12);
}

function isShare(metric: string): boolean {
  return metric === 'top1' || metric === 'top5' || metric === 'agreement';
}
