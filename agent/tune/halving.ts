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
  if (!isSpeed(goal.objective) && goal.objective !== 'energy') return [];
  const ranked = trials
    .filter((trial) => trial.state === 'done' && refusalOf(goal, trial, null) === null)
    .sort((a, b) => objectiveOf(goal, a) - objectiveOf(goal, b));
  const [best] = ranked;
  if (best === undefined) return [];
  return ranked
    .slice(0, Math.max(survivorsMin, Math.ceil(ranked.length / eta)))
    .filter((trial) => objectiveOf(goal, trial) <= behindMax * objectiveOf(goal, best));
}
