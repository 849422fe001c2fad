/** What a trial will need, from what was measured of its variant: more than there is is not run. */
import { sameRecipe } from '../../shared/compress/recipe.ts';
import type { Trial } from '../../shared/protocol/tuning.ts';
import { runtimeMiB } from './candidates.ts';
import type { Target } from './next.ts';

/**
 * MiB of the process of several sessions, each as large as the one that was measured alone; null
 * where none was, or one is all there is. Pure.
 */
export function expectedMiB({ recipe, plan }: Target, trials: Iterable<Trial>): number | null {
  const sessions = plan.instances;
  if (sessions === 1) return null;
  for (const trial of trials) {
    const isAlone = trial.plan.instances === 1 && trial.plan.stages === 1;
    if (trial.state !== 'done' || !isAlone || !sameRecipe(trial.recipe, recipe)) continue;
    return runtimeMiB + sessions * Math.max(0, trial.memoryMiB - runtimeMiB);
  }
  return null;
}
