/**
 * The recipes that are worth trying for a model, the source first. Devices leave out what is for
 * other kernels.
 */
import { type Recipe, sourceRecipe } from './recipe.ts';

/** Without calibration data nothing computes in integers. */
export function candidateRecipes(data: { readonly calibration: boolean }): Recipe[] {
  const float: Recipe[] = [sourceRecipe, { v: 1, bits: 32 }];
  if (!data.calibration) return float;
  const targets = ['x64', 'arm64-dotprod', 'arm64'];
  return [
    ...float,
    // Built for x86 with VNNI, exact on every processor but old x86: tried everywhere.
    { v: 1, bits: 8 },
    ...targets.map((target): Recipe => ({ v: 1, bits: 8, target })),
  ];
}
