/**
 * Which candidates get a closer look: few runs for the many, many for the few (successive halving,
 * Jamieson & Talwalkar, "Non-stochastic best arm identification", AISTATS 2016; a third stays each
 * time, as in Li et al., "Hyperband", JMLR 18, 2018). Pure.
 */
import type { Trial } from '../../shared/protocol/tuning.ts';
import { type ChoiceGoal, isSpeed, objectiveOf } from './objective.ts';
import { refusalOf } from './refuse.ts';

/** Each closer look takes so many times as long, and one in so many stays. */
export const eta = 3;
/** Looks before the final round, which is the last of them. */
export const rungs = 2;
/** A short look can be off by so much: what is further behind is not looked at again. */
const behindMax = 1.5;
/** Fewer are not worth a rung. */
const survivorsMin = 3;

/** How closely a trial was looked at: 0 is a first look. */
export function rungOf(trial: Trial): number {
  return trial.rung ?? 0;
}

/** Those that stay after the first looks, the best first; none where the first look says it all. */
export function survivors(goal: ChoiceGoal, trials: readonly Trial[]): Trial[] {
  return near(goal, trials).slice(0, stayOf(goal, trials));
}

/** A short look falls into a slow moment now and then. */
const secondChances = 4;

/**
 * Those that did not stay and may only have had bad luck, the best first: they get their closer
 * look last, while there is time, a few of them.
 */
export function unlucky(goal: ChoiceGoal, trials: readonly Trial[]): Trial[] {
  const stay = stayOf(goal, trials);
  const looks = trials.filter((trial) => rungOf(trial) > 0).length;
  const chances = Math.max(0, stay + secondChances - looks);
  return near(goal, trials)
    .slice(stay)
    .filter((trial) => rungOf(trial) === 0 && !trial.versus)
    .slice(0, chances);
}

function stayOf(goal: ChoiceGoal, trials: readonly Trial[]): number {
  if (!isSpeed(goal.objective) && goal.objective !== 'energy') return 0;
  return Math.max(survivorsMin, Math.ceil(allowed(goal, trials).length / eta));
}

/** What may be chosen and is not far behind, the best first. */
function near(goal: ChoiceGoal, trials: readonly Trial[]): Trial[] {
  const ranked = allowed(goal, trials).sort((a, b) => objectiveOf(goal, a) - objectiveOf(goal, b));
  const [best] = ranked;
  if (best === undefined) return [];
  return ranked.filter((one) => objectiveOf(goal, one) <= behindMax * objectiveOf(goal, best));
}

function allowed(goal: ChoiceGoal, trials: readonly Trial[]): Trial[] {
  return trials.filter((trial) => trial.state === 'done' && refusalOf(goal, trial, null) === null);
}
