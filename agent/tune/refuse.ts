/** Why a trial may not be chosen: one rule after the other. Pure. */
import { isLossless, isSource } from '../../shared/compress/recipe.ts';
import { judgeQuality } from '../../shared/evaluate/quality-budget.ts';
import type { Trial } from '../../shared/protocol/tuning.ts';
import { type ChoiceGoal, isSpeed, objectiveOf, tieMargin } from './objective.ts';

/** null where it may be chosen. `baseline` is the source under its best plan. */
export function refusalOf(goal: ChoiceGoal, trial: Trial, baseline: Trial | null): string | null {
  if (trial.state !== 'done') return trial.error?.message ?? `trial ${trial.state}`;
  return (
    overBudget(goal, trial) ??
    unknownEnergy(goal, trial) ??
    overLimits(goal, trial) ??
    (baseline === null ? null : slowerThanSource(goal, trial, baseline))
  );
}

function overBudget(goal: ChoiceGoal, trial: Trial): string | null {
  if (isSource(trial.recipe)) return null;
  if (trial.quality === null) {
    return isLossless(trial.recipe)
      ? null
      : 'its quality is not known: the package has no evaluation data';
  }
  const verdict = judgeQuality(trial.quality, goal.maxDrop);
  return verdict.within ? null : verdict.reason;
}

function unknownEnergy({ objective }: ChoiceGoal, trial: Trial): string | null {
  const isKnown = objective !== 'energy' || typeof trial.energyJ === 'number';
  return isKnown ? null : 'the energy of its runs could not be measured';
}

function overLimits({ limits }: ChoiceGoal, trial: Trial): string | null {
  const rows = [
    { what: 'p95 latency', got: trial.latencyMsP95, limit: limits.latencyMsP95, unit: 'ms' },
    { what: 'memory', got: trial.memoryMiB, limit: limits.memoryMiB, unit: 'MiB' },
    { what: 'size', got: trial.bytes, limit: limits.bytes, unit: 'bytes' },
  ];
  for (const { what, got, limit, unit } of rows) {
    if (limit !== undefined && got > limit) {
      return `${what} ${Number(got.toPrecision(4))} ${unit}, at most ${limit} ${unit} are allowed`;
    }
  }
  return null;
}

/** How far below the source a measurement may lie and still count as not slower. */
const slowerMax = 0.02;

/** Where speed is the objective, nothing slower than the source is chosen, however small it is. */
function slowerThanSource(goal: ChoiceGoal, trial: Trial, baseline: Trial): string | null {
  if (trial === baseline || !isSpeed(goal.objective)) return null;
  const { versus } = trial;
  // What was compared with the source under one plan, is held against it under its best.
  const best = baseline.versus?.ratio ?? 1;
  const ratio = versus
    ? versus.ratio / best
    : objectiveOf(goal, baseline) / objectiveOf(goal, trial);
  const equal = versus ? versus.high >= best : 1 - ratio <= tieMargin(trial, baseline);
  if (ratio >= 1 || (equal && ratio >= 1 - slowerMax)) return null;
  return `${((1 / ratio - 1) * 100).toFixed(0)} % slower than the source under its best plan`;
}
