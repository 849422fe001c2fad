/**
 * Chooses among trials what suits the goal on this device, and says why. Pure and deterministic.
 */
import { isSource } from '../../shared/compress/recipe.ts';
import type { Trial } from '../../shared/protocol/tuning.ts';
import { coresOf, explainChoice, explainNothing } from './explain.ts';
import { paretoFront } from './front.ts';
import { type ChoiceGoal, gainOver, objectiveOf, tieMargin } from './objective.ts';
import { refusalOf } from './refuse.ts';

export interface Choosing {
  /** Index into the trials; null where nothing may be chosen. */
  readonly chosen: number | null;
  /** One short line. */
  readonly reason: string;
  /** What it rests on; null where nothing may be chosen. */
  readonly proof: string | null;
  /** Indices of the trials that no other one beats in every respect, by rising latency. */
  readonly front: readonly number[];
  /** The source under its best plan, by index; null where it was not measured. */
  readonly baseline: number | null;
  /** Why each trial may not be chosen; null where it may. */
  readonly refusals: readonly (string | null)[];
}

export function choose(goal: ChoiceGoal, trials: readonly Trial[]): Choosing {
  const baseline = bestSource(goal, trials);
  const refusals = trials.map((trial) => refusalOf(goal, trial, trials[baseline ?? -1] ?? null));
  const front = paretoFront(trials);
  const allowed = [...trials.keys()].filter((index) => refusals[index] === null);
  const [met, alone] = whoMet(trials, allowed);
  const [chosen, ...others] = [...rank(goal, trials, met), ...rank(goal, trials, alone)];
  const winner = chosen === undefined ? undefined : trials[chosen];
  if (chosen === undefined || winner === undefined) {
    const reason = explainNothing(trials, refusals);
    return { chosen: null, reason, proof: null, front, baseline, refusals };
  }
  const second = runnerUp(trials, winner, others);
  const explained = explainChoice(goal, winner, {
    baseline: baseline === null ? null : (trials[baseline] ?? null),
    runnerUp: second,
    bestRefused: bestRefused(goal, second === null ? null : winner, { trials, refusals }),
  });
  return { chosen, ...explained, front, baseline, refusals };
}

/** The source under the plan that serves the objective best. */
function bestSource(goal: ChoiceGoal, trials: readonly Trial[]): number | null {
  const sources = trials.flatMap((trial, index) =>
    trial.state === 'done' && isSource(trial.recipe) ? [index] : [],
  );
  const [met, alone] = whoMet(trials, sources);
  return bestOf(goal, trials, met.length > 0 ? met : alone);
}

/**
 * Those of the final round and the others. Who is not in it was behind when all were measured
 * alone; its figures are of another moment, and a machine that was quieter then is no merit.
 */
function whoMet(trials: readonly Trial[], among: readonly number[]): [number[], number[]] {
  const met = among.filter((index) => trials[index]?.versus);
  return [met, among.filter((index) => !met.includes(index))];
}

function bestOf(goal: ChoiceGoal, trials: readonly Trial[], among: readonly number[]) {
  return among.reduce<number | null>((best, index) => {
    const [a, b] = [trials[index], best === null ? undefined : trials[best]];
    if (a === undefined) return best;
    return b === undefined || gainOver(goal, b, a) < 0 ? index : best;
  }, null);
}

/**
 * The best by the objective first; among those that measurement cannot tell from it, the fewest
 * bytes, then the least memory, then the fewest threads.
 */
function rank(goal: ChoiceGoal, trials: readonly Trial[], allowed: readonly number[]): number[] {
  const best = bestOf(goal, trials, allowed);
  const leader = best === null ? undefined : trials[best];
  if (leader === undefined) return [];
  const ties = allowed.filter((index) => {
    const trial = trials[index];
    return trial !== undefined && gainOver(goal, leader, trial) <= tieMargin(leader, trial);
  });
  const byThrift = ties.toSorted((a, b) => compareThrift(trials[a], trials[b]) || a - b);
  const byObjective = allowed
    .filter((index) => !ties.includes(index))
    .toSorted((a, b) => valueAt(goal, trials, a) - valueAt(goal, trials, b) || a - b);
  return [...byThrift, ...byObjective];
}

function valueAt(goal: ChoiceGoal, trials: readonly Trial[], index: number): number {
  const trial = trials[index];
  return trial === undefined ? Number.POSITIVE_INFINITY : objectiveOf(goal, trial);
}

/** Differences below these shares are no reason. */
const bytesMargin = 0.02;
const memoryMargin = 0.03;

function compareThrift(a: Trial | undefined, b: Trial | undefined): number {
  if (a === undefined || b === undefined) return 0;
  return (
    step(a.bytes, b.bytes, bytesMargin) ||
    step(coresOf(a.plan), coresOf(b.plan), 0) ||
    step(a.memoryMiB, b.memoryMiB, memoryMargin) ||
    a.latencyMsP50 - b.latencyMsP50
  );
}

/** In logarithmic steps, so that the order is transitive. */
function step(a: number, b: number, margin: number): number {
  if (margin === 0) return a - b;
  const size = (value: number) => Math.round(Math.log(Math.max(value, 1e-9)) / margin);
  return size(a) - size(b);
}

/** The next best that is not the same variant under another plan, if there is one. */
function runnerUp(trials: readonly Trial[], winner: Trial, others: readonly number[]) {
  const list = others.flatMap((index) => trials[index] ?? []);
  return list.find((trial) => trial.variant !== winner.variant) ?? list[0] ?? null;
}

/** The best that was refused; with a runner-up, only what would have won is worth telling. */
function bestRefused(
  goal: ChoiceGoal,
  winner: Trial | null,
  { trials, refusals }: { trials: readonly Trial[]; refusals: readonly (string | null)[] },
) {
  const floor = winner === null ? Number.POSITIVE_INFINITY : objectiveOf(goal, winner);
  const refused = [...trials.entries()].flatMap(([index, trial]) => {
    const worth = refusals[index] !== null && trial.state === 'done' && !isSource(trial.recipe);
    return worth && objectiveOf(goal, trial) < floor ? [index] : [];
  });
  const best = bestOf(goal, trials, refused);
  const trial = best === null ? undefined : trials[best];
  if (best === null || trial === undefined) return null;
  return { trial, refusal: refusals[best] ?? '' };
}
