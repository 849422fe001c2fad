/**
 * The recipes that are worth trying for a model, the source first. Devices leave out what is for
 * other kernels.
 */
import { type Recipe, sameRecipe, sourceRecipe } from './recipe.ts';

export function candidateRecipes({
  calibration,
  recipes = [],
}: {
  readonly calibration: boolean;
  /** The package's own, tried besides. */
  readonly recipes?: readonly Recipe[] | undefined;
}): Recipe[] {
  const usual = usualRecipes(calibration);
  const others = recipes.filter((recipe) => !usual.some((known) => sameRecipe(known, recipe)));
  return [...usual, ...others];
}

function usualRecipes(calibration: boolean): Recipe[] {
  const float: Recipe = { v: 1, bits: 32 };
  // Without calibration data nothing computes in integers.
  if (!calibration) return [sourceRecipe, float];
  const targets = ['x64', 'arm64-dotprod', 'arm64'];
  return [
    sourceRecipe,
    // Built for x86 with VNNI, exact on every processor but old x86: tried everywhere.
    { v: 1, bits: 8 },
    ...targets.map((target): Recipe => ({ v: 1, bits: 8, target })),
    float,
  ];
}
