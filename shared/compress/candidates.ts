/**
 * The recipes that are worth trying for a model, the source first. Devices leave out what is for
 * other kernels.
 */
import { type Recipe, sourceRecipe } from './recipe.ts';

export function candidateRecipes(data: { readonly calibration: boolean }): Recipe[] {
  const float: Recipe = { v: 1, bits: 32 };
  // Without calibration data nothing computes in integers.
  if (!data.calibration) return [sourceRecipe, float];
  const targets = ['x64', 'arm64-dotprod', 'arm64'];
  return [
    sourceRecipe,
    // Built for x86 with VNNI, exact on every processor but old x86: tried everywhere.
    { v: 1, bits: 8 },
    ...targets.map((target): Recipe => ({ v: 1, bits: 8, target })),
    float,
  ];
}
