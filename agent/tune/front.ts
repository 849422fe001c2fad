/** The Pareto front of trials in latency, quality and size. Pure. */
import { isSource } from '../../shared/compress/recipe.ts';
import type { Trial } from '../../shared/protocol/tuning.ts';

/** Indices of the done trials that no other one equals in all three respects and beats in one. */
export function paretoFront(trials: readonly Trial[]): number[] {
  const points = trials.map((trial) => [trial.latencyMsP50, dropOf(trial), trial.bytes] as const);
  const done = trials.flatMap((trial, index) => (trial.state === 'done' ? [index] : []));
  const front = done.filter((index) => !done.some((other) => beats(points, other, index)));
  return front.sort((a, b) => (points[a]?.[0] ?? 0) - (points[b]?.[0] ?? 0) || a - b);
}

/** What is not known counts as lost. */
export function dropOf(trial: Trial): number {
  if (isSource(trial.recipe)) return 0;
  return trial.quality === null ? Number.POSITIVE_INFINITY : Math.max(0, trial.quality.drop);
}

function beats(points: readonly (readonly number[])[], a: number, b: number): boolean {
  const [left, right] = [points[a] ?? [], points[b] ?? []];
  const noWorse = left.every((value, axis) => value <= (right[axis] ?? 0));
  const better = left.some((value, axis) => value < (right[axis] ?? 0));
  // Of two equal ones the first stays.
  return noWorse && (better || a < b);
}
