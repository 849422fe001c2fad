/**
 * After the first looks: profiles the layers in float and in integers, and proposes a recipe of
 * both.
 */
import { isSource, type Recipe, recipeName, sameRecipe } from '../../shared/compress/recipe.ts';
import { reasonOf } from '../../shared/errors.ts';
import type { Trial } from '../../shared/protocol/tuning.ts';
import { finalSeconds } from './budget.ts';
import { type LayerTimes, profileLayers } from './layers.ts';
import { isSpeed, objectiveOf } from './objective.ts';
import { proposeCut } from './propose.ts';
import type { Tuner } from './tuner.ts';

/** Profiling two variants, loading included, on a small board. */
const profileSeconds = 4;

/**
 * Whether there is a recipe more to try. Whatever goes wrong here costs a proposal, nothing else.
 */
export async function refine(tuner: Tuner): Promise<boolean> {
  const { request, budget, proposed } = tuner;
  if (!isSpeed(request.goal.objective) || resumeProposals(tuner)) return proposed.length > 0;
  const needed = finalSeconds(request.budgetSeconds) + budget.usualTrialSeconds + profileSeconds;
  if (budget.leftSeconds() < needed + (request.countWaiting ? budget.longestWaitSeconds : 0)) {
    return false;
  }
  try {
    const recipe = await propose(tuner);
    if (recipe === null || isKnown(tuner, recipe)) return false;
    proposed.push(recipe);
    return true;
  } catch (thrown) {
    request.signal.throwIfAborted();
    tuner.notes.push(`layers could not be profiled: ${reasonOf(thrown)}`);
    return false;
  }
}

/** What an earlier, cut off call proposed is what there is to try. */
function resumeProposals(tuner: Tuner): boolean {
  for (const { recipe } of tuner.trials.values()) {
    if (recipe.layers && !isKnown(tuner, recipe)) tuner.proposed.push(recipe);
  }
  return tuner.proposed.length > 0;
}

function isKnown({ space, proposed }: Tuner, recipe: Recipe): boolean {
  return [...space.recipes, ...proposed].some((known) => sameRecipe(known, recipe));
}

async function propose(tuner: Tuner): Promise<Recipe | null> {
  const done = [...tuner.trials.values()].filter((trial) => trial.state === 'done');
  const integer = best(tuner, done, ({ bits }) => bits === 8);
  const float = best(tuner, done, (recipe) => recipe.bits === 32 && !isSource(recipe));
  if (integer === null || float === null) return null;
  const { plan } = integer;
  const files = [await tuner.fetch(float.recipe), await tuner.fetch(integer.recipe)] as const;
  const layers = files[1].layers ?? [];
  if (layers.length < 2 || files[0].layers?.length !== layers.length) return null;
  tuner.request.onStep?.('profiles each layer in float and in 8 bits');
  const [floatUs, integerUs] = await profileLayers(tuner, files, { layers, plan });
  if (!isWhole(floatUs) || !isWhole(integerUs)) return null;
  const proposal = proposeCut(integer.recipe, { layers, floatUs, integerUs });
  if (proposal === null) return null;
  tuner.notes.push(`${recipeName(proposal.recipe)} was proposed: ${proposal.reason}`);
  return proposal.recipe;
}

function isWhole(times: LayerTimes | undefined): times is number[] {
  return times != null && !times.includes(null);
}

function best(tuner: Tuner, done: readonly Trial[], suits: (recipe: Recipe) => boolean) {
  const { goal } = tuner.request;
  return done
    .filter((trial) => suits(trial.recipe) && trial.plan.instances === 1)
    .reduce<Trial | null>(
      (least, trial) =>
        least === null || objectiveOf(goal, trial) < objectiveOf(goal, least) ? trial : least,
      null,
    );
}
