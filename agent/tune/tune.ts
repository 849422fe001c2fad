/** Finds the variant and the plan that suit this device best, by measuring them here. */
import { recipeName, sameRecipe } from '../../shared/compress/recipe.ts';
import { FettleError, reportError } from '../../shared/errors.ts';
import type { Choice, Trial, Tuning } from '../../shared/protocol/tuning.ts';
import { startEnergyMeter } from '../profile/energy.ts';
import { openTree } from '../profile/tree.ts';
import { finalSeconds, layersSeconds } from './budget.ts';
import { type Skipped, trialKey } from './candidates.ts';
import { choose } from './choose.ts';
import { conclude } from './conclude.ts';
import { verifyHint } from './hint.ts';
import { layersOf } from './layers.ts';
import { nextStep } from './next.ts';
import { refine } from './refine.ts';
import { blankTrial } from './trial.ts';
import {
  hasDone,
  measure,
  measureFinal,
  note,
  startTuner,
  type TuneRequest,
  type Tuner,
} from './tuner.ts';

/**
 * Never fails because a candidate does: the trials say what became of each, and `chosen` is null
 * where none may be chosen, with the reason. Throws `ENERGY_UNREADABLE` where energy is the
 * objective and nothing says what is taken, and where the signal aborts.
 */
export async function tune(request: TuneRequest): Promise<Tuning> {
  if (request.goal.objective === 'energy') await requireEnergy(request);
  const tuner = startTuner(request);
  if (request.hint) {
    const verified = await verifyHint(tuner, request.hint);
    if (verified.choice !== null) return await explained(tuner, verified.choice);
    tuner.notes.push(verified.reason);
  }
  for (const skipped of tuner.space.skipped) note(tuner, skippedTrial(skipped));
  await search(tuner);
  if (await dropOutdated(tuner)) await search(tuner);
  return await explained(tuner, null);
}

/** What was verified is not measured layer by layer: the device is to serve soon. */
async function explained(tuner: Tuner, verified: Choice | null): Promise<Tuning> {
  const tuning = conclude(tuner, verified);
  const layers = await layersOf(tuner, tuning.chosen, { timed: verified === null });
  return { ...tuning, ...(layers && { layers }), seconds: tuner.budget.spentSeconds() };
}

async function requireEnergy({ root }: TuneRequest): Promise<void> {
  const meter = await startEnergyMeter(openTree(root));
  if (meter === null) throw new FettleError('ENERGY_UNREADABLE', {});
  await meter.stop();
}

/**
 * A trial of an earlier call may be of bytes that are built otherwise by now. Whether the one that
 * would be chosen is; its recipe's trials are then forgotten.
 */
async function dropOutdated(tuner: Tuner): Promise<boolean> {
  const { request, trials } = tuner;
  const list = [...trials.values()];
  const chosen = list[choose(request.goal, list).chosen ?? -1];
  if (chosen === undefined || request.finished.length === 0) return false;
  try {
    const { digest } = await tuner.fetch(chosen.recipe);
    if (digest === chosen.variant) return false;
  } catch {
    request.signal.throwIfAborted();
    // It cannot be had now; whoever loads it will see.
    return false;
  }
  for (const [key, trial] of trials)
    if (sameRecipe(trial.recipe, chosen.recipe)) trials.delete(key);
  return true;
}

async function search(tuner: Tuner): Promise<void> {
  const { request, budget, memoryMiB } = tuner;
  const { goal, signal, onStep } = request;
  let refined = false;
  let finalOver = false;
  for (;;) {
    signal.throwIfAborted();
    const trials = [...tuner.trials.values()];
    const space = { ...tuner.space, recipes: [...tuner.space.recipes, ...tuner.proposed] };
    const situation = { goal, space, trials, finalOver, memoryMiB };
    let step = nextStep({ ...situation, hurry: false });
    if (step.kind === 'final' && !refined) {
      refined = true;
      if (await refine(tuner)) continue;
    }
    if (step.kind === 'trial' && !hasTime(tuner)) {
      if (!finalOver) noteUntried(tuner);
      step = nextStep({ ...situation, hurry: true });
    }
    const over = budget.leftSeconds() <= 0 && hasDone(tuner.trials);
    if (step.kind === 'end' || over) return;
    onStep?.(step.reason);
    if (step.kind === 'trial') {
      await measure(tuner, step.target, step.rung);
    } else {
      await measureFinal(tuner, step.targets);
      finalOver = true;
    }
  }
}

/**
 * Whether one more trial fits before the final round, which needs two to compare, and before the
 * layers of the choice are measured. The first one has all the time there is.
 */
function hasTime({ request, budget, trials }: Tuner): boolean {
  if (!hasDone(trials)) return true;
  const done = [...trials.values()].filter((trial) => trial.state === 'done');
  const kept = done.length > 1 ? finalSeconds(request.budgetSeconds) : 0;
  const after = layersSeconds(request.budgetSeconds);
  return budget.leftSeconds() > kept + after + budget.usualTrialSeconds;
}

function skippedTrial(skipped: Skipped): Trial {
  const { code, neededMiB, freeMiB } = skipped;
  const recipe = recipeName(skipped.recipe);
  const details = { what: recipe, path: recipe, needed: neededMiB, free: freeMiB };
  const error = { ...reportError(new FettleError(code, details)), message: skipped.reason };
  return { ...blankTrial(skipped), state: 'skipped', error };
}

function noteUntried({ notes, space, trials }: Tuner): void {
  const [main] = space.plans;
  const left = space.recipes.filter(
    (recipe) => main && !trials.has(trialKey({ recipe, plan: main })),
  );
  const names = left.map(recipeName).join(', ');
  notes.push(
    left.length > 0
      ? `the time budget was used up before these were tried: ${names}`
      : 'the time budget was used up before every plan was tried',
  );
}
