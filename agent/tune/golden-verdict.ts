/** Whether a variant computes here what it computed where it was built. Pure. */
import { isSource, type Recipe } from '../../shared/compress/recipe.ts';
import { type GoldenResult, judgeGolden } from '../../shared/evaluate/golden.ts';

/**
 * null where it does; else what differs. Without a recipe it is held to what 8 bits are held to.
 */
export function goldenReason(result: GoldenResult, recipe?: Recipe): string | null {
  const verdict = judgeGolden(result, { bits: narrowest(recipe) });
  return verdict.ok ? null : verdict.reason;
}

/** A source may hold integers itself: nobody says so. */
function narrowest(recipe: Recipe | undefined): number {
  if (recipe === undefined || isSource(recipe)) return 8;
  return Math.min(recipe.bits, ...Object.values(recipe.layers ?? {}));
}
