/** Whether a measurement can be believed, from what else the machine did meanwhile. Pure. */
import type { Plan, Trial } from '../../shared/protocol/tuning.ts';
import { coresOf } from './explain.ts';
import type { Conditions } from './trial-protocol.ts';

/** Timings that vary more than this say little of the variant. */
const spreadMax = 0.1;
/** Cores that others took from those that the plan needs, as a share of these. */
const takenMax = 0.15;
const stolenMax = 0.05;
const frequencyMin = 0.85;

/** In words; null where nothing disturbed it. */
export function disturbanceOf(
  conditions: Conditions,
  { plan, spread }: { readonly plan: Plan; readonly spread: number },
): string | null {
  const { cores, otherCores, stolenCores, throttles } = conditions;
  const { frequencyMHzBefore: before, frequencyMHzAfter: after } = conditions;
  const wanted = Math.min(coresOf(plan), Math.max(1, cores));
  const taken = (otherCores ?? 0) - Math.max(0, cores - wanted);
  if (throttles !== null && throttles > 0) return `the processor throttled ${throttles} times`;
  if (before !== null && after !== null && after < before * frequencyMin) {
    return `the frequency fell from ${before.toFixed(0)} to ${after.toFixed(0)} MHz`;
  }
  if ((stolenCores ?? 0) > stolenMax * wanted) {
    return `the host took ${(stolenCores ?? 0).toFixed(2)} of ${cores} cores away`;
  }
  if (taken > takenMax * wanted) {
    return `other processes used ${(otherCores ?? 0).toFixed(1)} of ${cores} cores`;
  }
  if (spread > spreadMax) return `the median is known only to ±${(spread * 100).toFixed(0)} %`;
  return null;
}

/** Of two measurements of the same the one to keep: what was not disturbed, else the quicker. */
export function calmer(first: Trial, second: Trial): Trial {
  if (second.state !== 'done' || first.state !== 'done')
    return first.state === 'done' ? first : second;
  if ((first.disturbed ?? null) === null) return first;
  if ((second.disturbed ?? null) === null) return second;
  return second.latencyMsP50 < first.latencyMsP50 ? second : first;
}
