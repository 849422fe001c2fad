/** Choices in one or two sentences with their figures. Pure. */
import { isSource } from '../../shared/compress/recipe.ts';
import { judgeQuality, sayLoss } from '../../shared/evaluate/quality-budget.ts';
import type { Plan, Trial } from '../../shared/protocol/tuning.ts';
import { type ChoiceGoal, gainOver, isSpeed, tieMargin } from './objective.ts';

interface Rivals {
  readonly baseline: Trial | null;
  readonly runnerUp: Trial | null;
  readonly bestRefused: { readonly trial: Trial; readonly refusal: string } | null;
}

/** A choice in one short line, and what it rests on. */
export interface Explained {
  readonly reason: string;
  /** Intervals, the runner-up, what was refused. */
  readonly proof: string;
}

export function explainChoice(goal: ChoiceGoal, winner: Trial, rivals: Rivals): Explained {
  const { baseline } = rivals;
  const parts = [
    `${name(winner)}: ${figure(goal, winner)}`,
    ...(isSource(winner.recipe) ? [] : [gainSaid(goal, winner, baseline), lossSaid(winner)]),
  ];
  const reason = parts.filter((part) => part !== '').join(', ');
  return { reason, proof: proofOf(goal, winner, rivals) };
}

function gainSaid(goal: ChoiceGoal, winner: Trial, baseline: Trial | null): string {
  return baseline === null ? '' : `${gainOf(goal, winner, baseline).text} the source`;
}

function lossSaid({ quality: measured }: Trial): string {
  return measured === null ? '' : sayLoss(measured, measured.drop);
}

function proofOf(goal: ChoiceGoal, winner: Trial, rivals: Rivals): string {
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
  const { text: gain, interval, doubt } = gainOf(goal, winner, baseline);
  const share = short(winner.bytes / Math.max(1, goal.bytes));
  const best = `the source's best (${planName(baseline.plan)}, ${figure(goal, baseline)})`;
  return `, ${gain} ${best}${interval}${doubt}, ${share} of its bytes`;
}

interface Gain {
  readonly text: string;
  readonly interval: string;
  /** Why no more than this is claimed. */
  readonly doubt: string;
}

/** A ratio that is known no better than this is no figure to print: its lower bound is one. */
const spreadMax = 0.1;

/**
 * How much better it is than the source. What was measured on a disturbed machine claims the lower
 * bound alone: the rest of the interval may be the disturbance.
 */
function gainOf(goal: ChoiceGoal, winner: Trial, baseline: Trial): Gain {
  const { versus } = winner;
  const plain = { interval: '', doubt: '' };
  const times = 1 + gainOver(goal, winner, baseline);
  if (!isSpeed(goal.objective)) return { ...plain, text: `${short(times)} times less than` };
  const why = disturbanceOf(winner, baseline);
  if (!versus) {
    if (why === null) return { ...plain, text: `${short(times)} times as fast as` };
    return { ...plain, text: 'not compared with', doubt: `: ${why}` };
  }
  const { ratio, low, high } = versus;
  if (why === null) {
    const interval = ` (${short(low)} to ${short(high)})`;
    return { text: `${short(ratio)} times as fast as`, interval, doubt: '' };
  }
  const doubt = `: no more is claimed, since ${why}`;
  if (low <= 1) return { ...plain, text: 'not proven faster than', doubt };
  return { ...plain, text: `at least ${shortDown(low)} times as fast as`, doubt };
}

function disturbanceOf(winner: Trial, baseline: Trial): string | null {
  const told = winner.disturbed ?? baseline.disturbed ?? null;
  if (told !== null || !winner.versus) return told;
  const { ratio, low, high } = winner.versus;
  const spread = (high - low) / 2 / Math.max(ratio, 1e-9);
  return spread > spreadMax ? `the ratio is known only to ±${(spread * 100).toFixed(0)} %` : null;
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

/** A lower bound is not rounded up. */
function shortDown(value: number): string {
  const digits = 10 ** (2 - Math.floor(Math.log10(value)));
  return short(Math.floor(value * digits) / digits);
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}
