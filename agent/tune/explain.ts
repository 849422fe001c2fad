/** Choices in one or two sentences with their figures. Pure. */
import { isSource } from '../../shared/compress/recipe.ts';
import { judgeQuality } from '../../shared/evaluate/quality-budget.ts';
import type { Plan, Trial } from '../../shared/protocol/tuning.ts';
import { type ChoiceGoal, gainOver, tieMargin } from './objective.ts';

interface Rivals {
  readonly baseline: Trial | null;
  readonly runnerUp: Trial | null;
  readonly bestRefused: { readonly trial: Trial; readonly refusal: string } | null;
}

export function explainChoice(goal: ChoiceGoal, winner: Trial, rivals: Rivals): string {
  const { baseline, runnerUp, bestRefused } = rivals;
  const sentences = [
    `${name(winner)}: ${figure(goal, winner)}${againstSource(goal, winner, baseline)}` +
      `${quality(goal, winner)}.`,
  ];
  if (runnerUp !== null) sentences.push(`${againstRunnerUp(goal, winner, runnerUp)}.`);
  if (bestRefused !== null) {
    const { trial, refusal } = bestRefused;
    sentences.push(`${name(trial)} (${figure(goal, trial)}) was refused: ${refusal}.`);
  }
  return sentences.join(' ').slice(0, reasonMax);
}

export function explainNothing(
  trials: readonly Trial[],
  refusals: readonly (string | null)[],
): string {
  if (trials.length === 0) return 'nothing was measured';
  const seen = new Map<string, string>();
  trials.forEach((trial, index) => {
    seen.set(trial.recipeName, refusals[index] ?? '');
  });
  const said = [...seen].map(([recipe, refusal]) => `${recipe}: ${refusal}`).join('; ');
  return `no trial may be chosen: ${said}`.slice(0, reasonMax);
}

/** `int8, 2 threads`. */
export function name(trial: Pick<Trial, 'recipeName' | 'plan'>): string {
  return `${trial.recipeName}, ${planName(trial.plan)}`;
}

export function planName(plan: Plan): string {
  const threads = `${plan.threads} thread${plan.threads === 1 ? '' : 's'}`;
  const parts = [
    plan.instances > 1 ? `${plan.instances} × ` : '',
    plan.stages > 1 ? `${plan.stages} stages of ` : '',
    threads,
    plan.batch > 1 ? `, batches of ${plan.batch}` : '',
    plan.arena === false ? ', no arena' : '',
    plan.prepack === false ? ', no prepacking' : '',
    plan.cpus ? ` on cores ${plan.cpus.join(' ')}` : '',
    plan.provider === 'cpu' ? '' : ` on ${plan.provider}`,
  ];
  return parts.join('');
}

/** Cores that it keeps busy. */
export function coresOf({ threads, instances, stages }: Plan): number {
  return threads * instances * stages;
}

/** The documents hold no longer text. */
const reasonMax = 4000;

function figure(goal: ChoiceGoal, trial: Trial): string {
  const figures = {
    latency: `p50 ${short(trial.latencyMsP50)} ms`,
    throughput: `${short(trial.throughputPerSecond)} a second`,
    memory: `${short(trial.memoryMiB)} MiB`,
    bytes: `${short(trial.bytes / 2 ** 20)} MiB to store`,
    energy: `${short(1000 * (trial.energyJ ?? Number.NaN))} mJ a run`,
  } as const satisfies Record<ChoiceGoal['objective'], string>;
  return figures[goal.objective];
}

function againstSource(goal: ChoiceGoal, winner: Trial, baseline: Trial | null): string {
  if (baseline === null || isSource(winner.recipe)) return '';
  const { versus } = winner;
  const times = versus?.ratio ?? 1 + gainOver(goal, winner, baseline);
  const interval = versus ? ` (${short(versus.low)} to ${short(versus.high)})` : '';
  const speed = goal.objective === 'latency' || goal.objective === 'throughput';
  const gain = speed ? `${short(times)} times as fast as` : `${short(times)} times less than`;
  const share = short(winner.bytes / Math.max(1, goal.bytes));
  const best = `the source's best (${planName(baseline.plan)}, ${figure(goal, baseline)})`;
  return `, ${gain} ${best}${interval}, ${share} of its bytes`;
}

function quality(goal: ChoiceGoal, winner: Trial): string {
  if (winner.quality === null || isSource(winner.recipe)) return '';
  return `; ${judgeQuality(winner.quality, goal.maxDrop).reason}`;
}

function againstRunnerUp(goal: ChoiceGoal, winner: Trial, other: Trial): string {
  const worse = gainOver(goal, winner, other);
  const them = `${name(other)} (${figure(goal, other)})`;
  if (worse > tieMargin(winner, other)) {
    return `Next is ${them}, ${(worse * 100).toFixed(0)} % behind`;
  }
  return `${them} cannot be told apart and takes ${extra(winner, other)}`;
}

/** What the loser of a tie costs more. */
function extra(winner: Trial, other: Trial): string {
  const costs: string[] = [];
  if (other.bytes > winner.bytes) {
    costs.push(`${short((other.bytes - winner.bytes) / 2 ** 20)} MiB more to store`);
  }
  const more = coresOf(other.plan) - coresOf(winner.plan);
  if (more > 0) costs.push(`${more} more core${more === 1 ? '' : 's'}`);
  if (costs.length === 0 && other.memoryMiB > winner.memoryMiB) {
    costs.push(`${short(other.memoryMiB - winner.memoryMiB)} MiB more memory`);
  }
  return costs.length > 0 ? costs.join(' and ') : 'no less';
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}
