/**
 * Holds a quality budget: what the recipe takes away is given back step by step, until the paired
 * test's upper bound of what is lost is within the budget (docs/decisions/0009-max-drop-is-
 * proven.md). The measuring is injected, so that the search itself can be tested on its own.
 */
import { judgeQuality } from '../evaluate/quality-budget.ts';
import type { Quality } from '../protocol/tuning.ts';
import { isLossless, type Recipe } from './recipe.ts';
import type { Retreat } from './retreats.ts';

export interface Attempt<T> {
  readonly recipe: Recipe;
  readonly built: T;
  readonly quality: Quality;
}

export interface DefendJob<T> {
  readonly recipe: Recipe;
  /** What may be lost, as `Quality.dropUpper` counts it. */
  readonly maxDrop: number;
  build(recipe: Recipe): Promise<T>;
  evaluate(built: T): Promise<Quality>;
  /** From what is nearly as asked for to what is safest. Asked only if needed. */
  retreats(built: T): Promise<readonly Retreat[]>;
}

export interface Defended<T> extends Attempt<T> {
  readonly held: boolean;
  /** What was given back and why, or why nothing had to be: one sentence. */
  readonly reason: string;
}

/**
 * Finds the first retreat that holds by bisection, which takes quality to rise from each to the
 * next; what it ends with was itself evaluated, so only the count could be smaller, never the
 * promise broken. Where not even the last holds, `held` is false.
 */
export async function defend<T>(job: DefendJob<T>): Promise<Defended<T>> {
  const first = await attempt(job, job.recipe);
  if (holds(first, job)) {
    return { ...first, held: true, reason: `the budget holds: ${said(first, job)}` };
  }
  const retreats = await job.retreats(first.built);
  let most = retreats.length - 1;
  const safest = retreats[most];
  let best = safest ? await attempt(job, safest.recipe) : first;
  if (!holds(best, job)) {
    const reason = `the budget does not hold even in float: ${said(best, job)}`;
    return { ...best, held: false, reason };
  }
  let looks = 2;
  for (let least = -1; most - least > 1; looks += 1) {
    const middle = Math.floor((least + most) / 2);
    const tried = await attempt(job, retreats[middle]?.recipe ?? job.recipe);
    if (holds(tried, job)) {
      most = middle;
      best = tried;
    } else least = middle;
  }
  const reason = `${retreats[most]?.said}: ${said(best, job)}; ${looks} variants were evaluated`;
  return { ...best, held: true, reason };
}

async function attempt<T>(job: DefendJob<T>, recipe: Recipe): Promise<Attempt<T>> {
  const built = await job.build(recipe);
  return { recipe, built, quality: await job.evaluate(built) };
}

/** Float computes what the source does, up to rounding, and needs no proof. */
function holds<T>({ recipe, quality }: Attempt<T>, { maxDrop }: DefendJob<T>): boolean {
  const { within, proven } = judgeQuality(quality, maxDrop);
  return isLossless(recipe) ? within || quality.drop <= 0 : proven;
}

function said<T>({ recipe, quality }: Attempt<T>, { maxDrop }: DefendJob<T>): string {
  const { metric, drop, dropUpper, samples } = quality;
  const sure = isLossless(recipe)
    ? 'float needs no proof'
    : `95 % sure of at most ${dropUpper.toFixed(4)}`;
  return `${metric} on ${samples} samples, ${drop.toFixed(4)} lost, ${sure}, ${maxDrop} allowed`;
}
