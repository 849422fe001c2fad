/** The recipe for a speed-up that is asked for, and how it was found. */
import { FettleError } from '../../errors.ts';
import { isWeightOnly, type Recipe, recipeName } from '../recipe.ts';
import type { SpeedTarget } from '../request.ts';
import type { Work } from '../work.ts';
import { chooseJoint, figuresOf, jointFront } from './choose.ts';
import { solveJoint } from './solve.ts';

export interface JointRecipe {
  readonly recipe: Recipe;
  /** Recipes that lose less, each slower. */
  readonly milder: readonly Recipe[];
  readonly notes: readonly string[];
}

const timing = { threads: 1, timingSeconds: 8 };

/** Throws `CALIBRATION_MISSING`, and `RECIPE_INVALID` for what leaves nothing to be chosen. */
export async function jointRecipe(work: Work, target: SpeedTarget): Promise<JointRecipe> {
  const { recipe } = work.request;
  if (recipe.bits !== 8 || recipe.scheme === 'pow2' || isWeightOnly(recipe)) {
    const reason = `a speed-up is searched for with 8 bits, not with ${recipeName(recipe)}`;
    throw new FettleError('RECIPE_INVALID', { reason });
  }
  const { secondsMax } = target;
  const tried = await solveJoint(work, { ...timing, secondsMax });
  const found = chooseJoint(tried, target.speedup);
  if (!found) return { recipe, milder: [], notes: [] };
  return {
    recipe: found.chosen.recipe,
    milder: found.milder.map((one) => one.recipe),
    notes: [
      `Joint search: ${found.reason}.`,
      `On the front of speed, bytes and noise: ${jointFront(tried).map(figuresOf).join('; ')}.`,
    ],
  };
}
