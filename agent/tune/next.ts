/**
 * What to measure next, from what was measured so far. Pure: a tuning that was cut off goes on
 * where it was.
 */
import { isSource, type Recipe, recipeName, sameRecipe } from '../../shared/compress/recipe.ts';
import type { Plan, Trial } from '../../shared/protocol/tuning.ts';
import { runtimeMiB, type Space, trialKey } from './candidates.ts';
import { planName } from './explain.ts';
import { rungOf, rungs, survivors, unlucky } from './halving.ts';
import { type ChoiceGoal, isSpeed, objectiveOf } from './objective.ts';
import { refusalOf } from './refuse.ts';

export interface Target {
  readonly recipe: Recipe;
  readonly plan: Plan;
}

export type NextStep =
  | {
      readonly kind: 'trial';
      readonly target: Target;
      readonly rung: number;
      readonly reason: string;
    }
  /** The source under its best plan in front. */
  | { readonly kind: 'final'; readonly targets: readonly Target[]; readonly reason: string }
  | { readonly kind: 'end'; readonly reason: string };

export interface Situation {
  readonly goal: ChoiceGoal;
  readonly space: Space;
  readonly trials: readonly Trial[];
  /** No time is left but for the final round. */
  readonly hurry: boolean;
  /** The final round was run, or could not be. */
  readonly finalOver: boolean;
  readonly memoryMiB: number;
}

export function nextStep(situation: Situation): NextStep {
  if (!situation.hurry) {
    const target =
      everyRecipe(situation) ??
      sourcePlans(situation) ??
      promisingPlans(situation) ??
      closerLook(situation) ??
      secondChance(situation);
    if (target !== null) return target;
  }
  if (situation.finalOver) return { kind: 'end', reason: 'the final round is over' };
  return finalRound(situation);
}

/** First every recipe under the device's main plan. */
function everyRecipe({ space, trials }: Situation): NextStep | null {
  const [main] = space.plans;
  const recipe = space.recipes.find((one) => main && !isTried(trials, { recipe: one, plan: main }));
  if (recipe === undefined || main === undefined) return null;
  return trialOf({ recipe, plan: main }, 'not tried yet');
}

/** The source's best plan is what all are held against. */
function sourcePlans({ space, trials }: Situation): NextStep | null {
  const source = space.recipes.find(isSource);
  if (source === undefined || !isDone(trials, source)) return null;
  const plan = space.plans.find((one) => !isTried(trials, { recipe: source, plan: one }));
  return plan === undefined
    ? null
    : trialOf({ recipe: source, plan }, "the source's best plan is the floor");
}

/** What is this much worse than the best under the main plan is not saved by another plan. */
const promisingMax = 1.5;

/** Then the other plans of the recipes that may win, the best one first. */
function promisingPlans(situation: Situation): NextStep | null {
  const { goal, space, trials } = situation;
  const [main] = space.plans;
  if (main === undefined) return null;
  const ranked = space.recipes
    .flatMap((recipe) => find(trials, { recipe, plan: main }) ?? [])
    .filter((trial) => refusalOf({ ...goal, limits: {} }, trial, null) === null)
    .sort((a, b) => objectiveOf(goal, a) - objectiveOf(goal, b));
  const best = ranked[0];
  for (const trial of ranked) {
    const behind = objectiveOf(goal, trial) / Math.max(objectiveOf(goal, best ?? trial), 1e-9);
    if (behind > promisingMax) break;
    const plan = space.plans.find((one) => !isTried(trials, { recipe: trial.recipe, plan: one }));
    if (plan) return trialOf({ recipe: trial.recipe, plan }, 'it may win under another plan');
  }
  return null;
}

/** Then the best of all first looks again, longer. */
function closerLook({ goal, trials }: Situation): NextStep | null {
  const stay = survivors(goal, trials);
  for (let rung = 1; rung < rungs; rung++) {
    const trial = stay.find((one) => rungOf(one) < rung && !one.versus);
    if (trial) {
      const why = `one of the best ${stay.length}: a closer look`;
      return trialOf(targetOf(trial), why, rung);
    }
  }
  return null;
}

function secondChance({ goal, trials }: Situation): NextStep | null {
  const [trial] = unlucky(goal, trials);
  return trial ? trialOf(targetOf(trial), 'its first look may have been unlucky', 1) : null;
}

/** How many are measured against the source, and how far behind the best they may be. */
const finalists = { max: 3, behind: 1.25 } as const;

/** The best against the source's best, alternating: the figures that the choice is made from. */
function finalRound({ goal, trials, memoryMiB }: Situation): NextStep {
  const end = (reason: string): NextStep => ({ kind: 'end', reason });
  if (!isSpeed(goal.objective)) return end('speed is not the objective');
  const done = trials.filter((trial) => trial.state === 'done');
  const order = (a: Trial, b: Trial) => objectiveOf(goal, a) - objectiveOf(goal, b);
  const source = done.filter((trial) => isSource(trial.recipe)).sort(order)[0];
  if (source === undefined) return end('the source was not measured');
  const rivals = done
    .filter((trial) => trial !== source && refusalOf(goal, trial, null) === null)
    .sort(order);
  const best = rivals[0];
  if (best === undefined) return end('nothing but the source under one plan may be chosen');
  if (source.versus && best.versus) return end('the final round was run before');
  const near = rivals.filter(
    (trial) => objectiveOf(goal, trial) <= objectiveOf(goal, best) * finalists.behind,
  );
  let room = memoryMiB - Math.max(runtimeMiB, source.memoryMiB);
  const targets: Target[] = [targetOf(source)];
  for (const trial of near.slice(0, finalists.max)) {
    room -= Math.max(0, trial.memoryMiB - runtimeMiB);
    if (room >= 0) targets.push(targetOf(trial));
  }
  if (targets.length < 2) return end('memory does not hold two of them at once');
  return { kind: 'final', targets, reason: 'the best against the source, alternating' };
}

function trialOf(target: Target, why: string, rung = 0): NextStep {
  const reason = `${recipeName(target.recipe)}, ${planName(target.plan)}: ${why}`;
  return { kind: 'trial', target, rung, reason };
}

function targetOf({ recipe, plan }: Trial): Target {
  return { recipe, plan };
}

function isTried(trials: readonly Trial[], target: Target): boolean {
  return find(trials, target) !== undefined;
}

function find(trials: readonly Trial[], target: Target): Trial | undefined {
  const key = trialKey(target);
  return trials.find((trial) => trialKey(trial) === key);
}

function isDone(trials: readonly Trial[], recipe: Recipe): boolean {
  return trials.some((trial) => trial.state === 'done' && sameRecipe(trial.recipe, recipe));
}
