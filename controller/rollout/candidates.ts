/** What is worth trying of a model on a device, the source first, and why the rest is not. Pure. */
import { candidateRecipes } from '../../shared/compress/candidates.ts';
import { kernelTarget } from '../../shared/compress/kernel-target.ts';
import type { Recipe } from '../../shared/compress/recipe.ts';
import type { ModelRecord } from '../../shared/protocol/api.ts';
import type { Profile } from '../../shared/protocol/profile.ts';

/**
 * The device judges what is fast on it: only what can't be built, or is built for kernels that it
 * doesn't have, is left out here. `profile` is null for a device that has not said yet what it is.
 */
export function candidatesFor(
  model: Pick<ModelRecord, 'calibration' | 'manifest'>,
  profile: Profile | null,
): Recipe[] {
  const own = profile && kernelTarget(profile);
  const { calibration, manifest } = model;
  return candidateRecipes({ calibration: calibration !== null, recipes: manifest.recipes }).filter(
    ({ target }) => target === undefined || target === own,
  );
}
