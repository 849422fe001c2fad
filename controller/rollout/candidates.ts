/** What is worth trying of a model on a device, the source first, and why the rest is not. Pure. */
import { type Recipe, recipeName, sourceRecipe } from '../../shared/compress/recipe.ts';
import type { ModelRecord } from '../../shared/protocol/api.ts';
import type { Profile } from '../../shared/protocol/profile.ts';

export interface Candidates {
  readonly recipes: readonly Recipe[];
  readonly skipped: readonly { readonly recipe: string; readonly reason: string }[];
}

const float32: Recipe = { v: 1, bits: 32 };
const int8: Recipe = { v: 1, bits: 8 };

/**
 * The device judges what is fast on it, so that only what can't be built is left out here.
 * `profile` is null for a device that has not said yet what it is.
 */
export function candidatesFor(
  model: Pick<ModelRecord, 'calibration'>,
  _profile: Profile | null,
): Candidates {
  const recipes = [sourceRecipe, float32];
  if (model.calibration !== null) return { recipes: [...recipes, int8], skipped: [] };
  const reason = 'the package has no calibration data to find activation ranges with';
  return { recipes, skipped: [{ recipe: recipeName(int8), reason }] };
}
