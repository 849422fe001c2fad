/**
 * Holds a quality budget: layers go back to float, those that disturb most first, until the paired
 * test's upper bound of what is lost is within the budget. The measuring is injected, so that the
 * search itself can be tested on its own.
 */
import type { Quality } from '../protocol/tuning.ts';
import type { Recipe } from './recipe.ts';

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
  /** Names of the layers in integers, the one that disturbs most first. Asked only if needed. */
  worstFirst(built: T): Promise<readonly string[]>;
}

export interface Defended<T> extends Attempt<T> {
  readonly held: boolean;
  /** What was given back to float and why, or why nothing had to be: one sentence. */
  readonly reason: string;
}

/**
 * Finds the fewest layers by bisection, which takes quality to rise with every layer given back;
 * what it ends with was itself evaluated, so only the count could be smaller, never the promise
 * broken. With all layers in float and the budget still exceeded, `held` is false.
 */
export async function defend<T>(job: DefendJob<T>): Promise<Defended<T>> {
  const first = await attempt(job, job.recipe);
  if (holds(first, job)) {
    return { ...first, held: true, reason: `the budget holds: ${said(first, job)}` };
  }
  const order = await job.worstFirst(first.built);
  let most = order.length;
  let best = await attempt(job, withFloat(job.recipe, order));
  if (!holds(best, job)) {
    const reason = `the budget does not hold even in float: ${said(best, job)}`;
    return { ...best, held: false, reason };
  }
  let least = 0;
  while (most - least > 1) {
    const middle = Math.floor((least + most) / 2);
    const tried = await attempt(job, withFloat(job.recipe, order.slice(0, middle)));
    if (holds(tried, job)) {
      most = middle;
      best = tried;
    } else least = middle;
  }
  const names = order.slice(0, most).join(', ');
  const given = `${most} layers went back to float, the worst first (${names})`;
  const reason = `${given}: ${said(best, job)}`;
  return { ...best, held: true, reason };
}

async function attempt<T>(job: DefendJob<T>, recipe: Recipe): Promise<Attempt<T>> {
  const built = await job.build(recipe);
  return { recipe, built, quality: await job.evaluate(built) };
}

function holds<T>({ quality }: Attempt<T>, { maxDrop }: DefendJob<T>): boolean {
  return quality.dropUpper <= maxDrop;
}

function said<T>({ quality }: Attempt<T>, { maxDrop }: DefendJob<T>): string {
  const { metric, drop, dropUpper, samples } = quality;
  const figures = `${drop.toFixed(4)} lost, 95 % sure of at most ${dropUpper.toFixed(4)}`;
  return `${metric} on ${samples} samples, ${figures}, ${maxDrop} allowed`;
}

function withFloat(recipe: Recipe, layers: readonly string[]): Recipe {
  const float = Object.fromEntries(layers.map((name) => [name, 32 as const]));
  return { ...recipe, layers: { ...recipe.layers, ...float } };
}
