/** Channels and blocks go only where that is faster here: each node of a small model has a cost. */
import { timerOf } from '../pays.ts';
import { type Recipe, sameRecipe } from '../recipe.ts';
import { calibrationOf, makeVariant, type Work } from '../work.ts';

/**
 * The recipe, without what it says of channels and blocks where the smaller variant was timed and
 * is not faster than the same with all of them; and one sentence about it.
 */
export async function prunedWhereFaster(
  work: Work,
  recipe: Recipe,
): Promise<{ readonly recipe: Recipe; readonly notes: readonly string[] }> {
  const { timing, signal } = work.request;
  const whole = wholeOf(recipe);
  if (!timing || sameRecipe(whole, recipe)) return { recipe, notes: [] };
  const time = timerOf(await calibrationOf(work, recipe), { ...timing, signal });
  const [before, after] = [await makeVariant(work, whole), await makeVariant(work, recipe)];
  const [wholeMs = 0, prunedMs = 0] = await time([before.built.bytes, after.built.bytes]);
  return choosePruned(recipe, { wholeMs, prunedMs });
}

/** Timings of one model differ by so much from run to run. */
const margin = 1.03;

/** Whether fewer channels and blocks are faster, beyond what timings differ by. Pure. */
export function paysOff({ wholeMs, prunedMs }: { wholeMs: number; prunedMs: number }): boolean {
  return prunedMs * margin < wholeMs;
}

/** Pure. */
export function choosePruned(
  recipe: Recipe,
  { wholeMs, prunedMs }: { readonly wholeMs: number; readonly prunedMs: number },
): { readonly recipe: Recipe; readonly notes: readonly string[] } {
  const ratio = `${(wholeMs / prunedMs).toFixed(2)} times the speed of the whole model`;
  if (paysOff({ wholeMs, prunedMs }))
    return { recipe, notes: [`Pruned: ${ratio} in the same bits.`] };
  return {
    recipe: wholeOf(recipe),
    notes: [`Not pruned: it would have ${ratio} in the same bits.`],
  };
}

function wholeOf({ keep: _, blocks: __, dropped: ___, ranks: ____, ...whole }: Recipe): Recipe {
  return whole;
}
