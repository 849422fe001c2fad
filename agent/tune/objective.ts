/** The objective as a number, and how far two measurements can be told apart. Pure. */
import type { ModelGoal } from '../../shared/protocol/messages.ts';
import type { Trial } from '../../shared/protocol/tuning.ts';

/** What a choice depends on, of the goal. */
export type ChoiceGoal = Pick<ModelGoal, 'objective' | 'maxDrop' | 'limits' | 'bytes'>;

export type Objective = ModelGoal['objective'];

/** Less is better. */
export function objectiveOf(goal: Pick<ModelGoal, 'objective'>, trial: Trial): number {
  const values: Record<Objective, number> = {
    latency: trial.latencyMsP50,
    throughput: trial.throughputPerSecond > 0 ? 1000 / trial.throughputPerSecond : Infinity,
    memory: trial.memoryMiB,
    bytes: trial.bytes,
    energy: trial.energyJ ?? Infinity,
  };
  return values[goal.objective];
}

/**
 * How much worse the other is than the leader, as a share of the leader: 0.1 is ten per cent
 * worse.
 */
export function gainOver(goal: Pick<ModelGoal, 'objective'>, leader: Trial, other: Trial): number {
  if (isSpeed(goal.objective) && leader.versus && other.versus) {
    // Both were measured against the same source, alternating with it: that tells them apart best.
    return leader.versus.ratio / other.versus.ratio - 1;
  }
  return objectiveOf(goal, other) / Math.max(objectiveOf(goal, leader), 1e-9) - 1;
}

/** Between 1 % (nobody notices less) and 5 % (more is never called a tie). */
const tie = { min: 0.01, max: 0.05 } as const;

/** Differences up to this share are within the noise of the two measurements. */
export function tieMargin(a: Trial, b: Trial): number {
  const noise = Math.hypot(spreadOf(a), spreadOf(b));
  return Math.min(tie.max, Math.max(tie.min, noise));
}

function spreadOf(trial: Trial): number {
  const { versus, spread } = trial;
  if (versus) return (versus.high - versus.low) / 2 / Math.max(versus.ratio, 1e-9);
  return spread ?? tie.max;
}

export function isSpeed(objective: Objective): boolean {
  return objective === 'latency' || objective === 'throughput';
}
