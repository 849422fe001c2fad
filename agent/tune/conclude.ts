/** The document of a tuning that is over. */
import type { Choice, Trial, Tuning } from '../../shared/protocol/tuning.ts';
import { choose } from './choose.ts';
import type { Tuner } from './tuner.ts';

export function conclude(tuner: Tuner, verified: Choice | null): Tuning {
  const { request, budget, notes } = tuner;
  const { goal, profile } = request;
  const trials = [...tuner.trials.values()];
  const choosing = choose(goal, trials);
  const chosen = verified ?? choiceOf(trials[choosing.chosen ?? -1], choosing);
  return {
    v: 1,
    device: request.device,
    revision: request.revision,
    model: goal.name,
    version: goal.version,
    hardwareClass: profile.hardwareClass,
    runtimeVersion: profile.runtimeVersion,
    objective: goal.objective,
    baseline: trials[choosing.baseline ?? -1] ?? null,
    trials,
    front: [...choosing.front],
    chosen,
    reason: chosen?.reason ?? choosing.reason,
    notes,
    seconds: budget.spentSeconds(),
    at: new Date().toISOString(),
  };
}

/** null where there is no such trial, or it loaded no variant. */
export function choiceOf(
  trial: Trial | undefined,
  { reason, proof }: { readonly reason: string; readonly proof: string | null },
): Choice | null {
  if (trial === undefined || trial.variant === null) return null;
  const { recipe, recipeName: named, plan, variant, bytes, quality } = trial;
  const { latencyMsP50, latencyMsP95, throughputPerSecond, memoryMiB } = trial;
  return {
    ...{ recipe, recipeName: named, plan, variant, bytes, quality },
    ...{ latencyMsP50, latencyMsP95, throughputPerSecond, memoryMiB, reason, proof },
  };
}
