/**
 * What a tuning works with: its budget, its variants, and the trials so far; and how one is
 * measured.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { canonicalJson } from '../../shared/canonical-json.ts';
import { type Recipe, recipeName, sameRecipe } from '../../shared/compress/recipe.ts';
import { FettleError, reportError } from '../../shared/errors.ts';
import type { Desired, ModelGoal } from '../../shared/protocol/messages.ts';
import type { Profile } from '../../shared/protocol/profile.ts';
import type { Trial } from '../../shared/protocol/tuning.ts';
import type { Progress, VariantFile, VariantSource } from '../../shared/variants.ts';
import {
  atMost,
  type Budget,
  finalEffort,
  finalSeconds,
  layersSeconds,
  lookEffort,
  startBudget,
  verifyEffort,
} from './budget.ts';
import { memoryFor, type Space, searchSpace, trialKey } from './candidates.ts';
import { calmer } from './disturbance.ts';
import { expectedMiB } from './expected-memory.ts';
import type { Target } from './next.ts';
import { blankTrial, type Entry, runFinal, runTrial, type TrialOptions } from './trial.ts';
import { within } from './within.ts';

export interface TuneRequest {
  readonly device: string;
  readonly revision: number;
  readonly goal: ModelGoal;
  readonly profile: Profile;
  readonly source: VariantSource;
  readonly budgetSeconds: number;
  /** Whether waiting for a variant (building, downloading) uses up the budget. */
  readonly countWaiting: boolean;
  /** What another device of this class chose: verified instead of searched for. */
  readonly hint?: Desired['hint'];
  /** Trials of an earlier, cut off call for the same model, class and runtime. */
  readonly finished: readonly Trial[];
  /**
   * To be kept, so that a later call need not repeat it. A trial may come again, better measured.
   */
  readonly onTrial: (trial: Trial) => void;
  readonly onProgress?: (progress: Progress) => void;
  /** What is tried now, in words. */
  readonly onStep?: (text: string) => void;
  readonly niceness?: number;
  /** Measures this share of the time and rests in between; 1 where nothing is said. */
  readonly coresShare?: number;
  /** Running time of one measurement at most: less is quicker and less certain. */
  readonly trialSecondsMax?: number;
  readonly signal: AbortSignal;
  /** The module that runs in a trial's process. */
  readonly trialModule?: URL;
  /** A folder that stands for `/` where sensors are read: a recorded device. */
  readonly root?: string;
}

/** What every part of a tuning works with. */
export interface Tuner {
  readonly request: TuneRequest;
  readonly budget: Budget;
  readonly space: Space;
  /** Recipes that measuring suggested, beside those of the goal. */
  readonly proposed: Recipe[];
  readonly memoryMiB: number;
  /** By `trialKey`, in the order of measuring. */
  readonly trials: Map<string, Trial>;
  readonly notes: string[];
  fetch(recipe: Recipe): Promise<VariantFile>;
}

export function startTuner(request: TuneRequest): Tuner {
  const { budgetSeconds, countWaiting, finished, goal, profile } = request;
  const files = new Map<string, VariantFile>();
  const budget = startBudget({ seconds: budgetSeconds, countWaiting });
  // What failed for a passing reason is tried again.
  const kept = finished.filter((trial) => trial.error?.retryable !== true);
  const trials = new Map(kept.map((trial) => [trialKey(trial), trial]));
  return {
    request,
    budget,
    space: searchSpace(goal, profile),
    proposed: [],
    memoryMiB: memoryFor(profile),
    trials,
    notes: [],
    async fetch(recipe) {
      const known = files.get(canonicalJson(recipe));
      if (known) return known;
      const { onProgress } = request;
      const seconds = fetchSeconds(request, budget, !hasDone(trials));
      const file = await budget.wait(() =>
        within({ seconds, signal: request.signal }, (signal) =>
          request.source.get(recipe, { signal, ...(onProgress && { onProgress }) }),
        ),
      );
      files.set(canonicalJson(recipe), file);
      return file;
    },
  };
}

/** A variant that does not come is not waited for longer than the budget, or than this. */
const fetchSecondsMax = 1800;

/** The first trial is not cut off by the budget: there must be something to choose. */
function fetchSeconds({ countWaiting }: TuneRequest, budget: Budget, first: boolean): number {
  return countWaiting && !first ? Math.max(0.1, budget.leftSeconds()) : fetchSecondsMax;
}

/** How closely a candidate is looked at: by rung, or only to verify what was measured elsewhere. */
type Look = number | 'verify';

/** Measures one candidate; what it came to is among the trials afterwards. */
export async function measure(tuner: Tuner, target: Target, look: Look = 0): Promise<Trial> {
  const { request } = tuner;
  reportProgress(tuner);
  let trial: Trial;
  try {
    refuseLarge(tuner, target);
    const variant = await tuner.fetch(target.recipe);
    refuseTwin(tuner, variant);
    const measured = await measureCalmly(tuner, { variant, plan: target.plan }, look);
    trial = { ...measured, rung: rungAt(look) };
  } catch (thrown) {
    request.signal.throwIfAborted();
    trial = { ...blankTrial(target), error: { ...reportError(inTime(target, thrown)) } };
  }
  note(tuner, trial);
  return trial;
}

function rungAt(look: Look): number {
  return look === 'verify' ? 0 : look;
}

/**
 * A closer look that was disturbed is repeated once, where there is time; a first look is not,
 * because the good ones are looked at again anyway.
 */
async function measureCalmly(tuner: Tuner, entry: Entry, look: Look): Promise<Trial> {
  const { budget, request } = tuner;
  const once = () => budget.timeTrial(() => runTrial(entry, trialOptions(tuner, look)));
  const first = await once();
  await rest(tuner);
  const spare = budget.leftSeconds() - finalSeconds(request.budgetSeconds);
  const isWorth = rungAt(look) > 0 && first.state === 'done' && typeof first.disturbed === 'string';
  if (!isWorth || spare < 2 * budget.usualTrialSeconds) return first;
  const second = await once();
  await rest(tuner);
  return calmer(first, second);
}

/** Beside a model that serves, as long a pause as its share of the cores asks for. */
async function rest({ request, budget }: Tuner): Promise<void> {
  const share = request.coresShare ?? 1;
  if (share >= 1) return;
  const ms = 1000 * budget.lastTrialSeconds * (1 / share - 1);
  await sleep(Math.min(ms, 1000 * Math.max(0, budget.leftSeconds())), undefined, {
    signal: request.signal,
  }).catch(() => request.signal.throwIfAborted());
}

/** Before it takes memory that others need: one that is too large is killed only when it is. */
function refuseLarge({ memoryMiB, trials }: Tuner, target: Target): void {
  const neededMiB = expectedMiB(target, trials.values());
  if (neededMiB === null || neededMiB <= memoryMiB) return;
  const reason = `it would need about ${Math.ceil(neededMiB)} MiB, ${memoryMiB} MiB are free`;
  throw new FettleError('TRIAL_FAILED', { recipe: recipeName(target.recipe), reason });
}

/** Two recipes may come to the same bytes, as where a layer is in float by the table already. */
function refuseTwin({ trials }: Tuner, { digest, recipe }: VariantFile): void {
  const twin = [...trials.values()].find(
    (trial) => trial.variant === digest && !sameRecipe(trial.recipe, recipe),
  );
  if (twin === undefined) return;
  const reason = `it is the same file as ${twin.recipeName}`;
  throw new FettleError('TRIAL_FAILED', { recipe: recipeName(recipe), reason });
}

/** The baseline is noted last: where it has been compared, the round is complete. */
export async function measureFinal(tuner: Tuner, targets: readonly Target[]): Promise<void> {
  try {
    const entries = [];
    for (const { recipe, plan } of targets) {
      entries.push({ variant: await tuner.fetch(recipe), plan });
    }
    const figures = await runFinal(entries, trialOptions(tuner, 'final'));
    const rounds = Math.max(0, ...figures.map(({ versus }) => versus?.rounds ?? 0));
    for (const [at, target] of [...targets.entries()].reverse()) {
      const trial = tuner.trials.get(trialKey(target));
      const versus = at === 0 ? { ratio: 1, low: 1, high: 1, rounds } : figures[at]?.versus;
      if (trial && versus) note(tuner, { ...trial, ...figures[at], versus });
    }
  } catch (thrown) {
    tuner.request.signal.throwIfAborted();
    tuner.notes.push(`the final round could not be run: ${reportError(thrown).message}`);
  }
}

function trialOptions(tuner: Tuner, round: Look | 'final'): TrialOptions {
  const { request, space, budget, memoryMiB } = tuner;
  const count = space.recipes.length * Math.max(1, space.plans.length);
  const cap = request.trialSecondsMax ?? Number.POSITIVE_INFINITY;
  const { budgetSeconds, goal, niceness, signal, trialModule, root } = request;
  const efforts = { final: finalEffort(budgetSeconds), verify: verifyEffort };
  const effort =
    typeof round === 'number' ? lookEffort(budgetSeconds, count, round) : efforts[round];
  const after = round === 'final' ? layersSeconds(budgetSeconds) : 0;
  const leftMs = 1000 * Math.max(0, budget.leftSeconds() - after);
  return {
    // Processes share no other clock; one that is set meanwhile costs this trial's exactness.
    effort: {
      ...atMost(cap, effort),
      ...(hasDone(tuner.trials) && { endsAtMs: Date.now() + leftMs }),
    },
    compare: goal.objective === 'throughput' ? 'throughput' : 'latency',
    memoryLimitMiB: memoryMiB,
    timeoutMs: 1000 * trialSeconds(tuner),
    ...{ niceness: niceness ?? 0, signal, power: goal.objective === 'energy' },
    ...(root !== undefined && { root }),
    ...(trialModule && { module: trialModule }),
  };
}

/** Loading and running once may take this long on a small board. */
const firstSecondsMin = 120;
/** Over the budget, for a trial to say what it has: as a share of the budget, and seconds. */
const overtime = { share: 0.05, secondsMin: 0.3 } as const;

/** A trial is stopped soon after the budget's end, unless there would be nothing to choose. */
function trialSeconds({ request, budget, trials }: Tuner): number {
  const extra = Math.max(overtime.secondsMin, request.budgetSeconds * overtime.share);
  const left = Math.max(0, budget.leftSeconds()) + extra;
  return hasDone(trials) ? left : Math.max(left, firstSecondsMin);
}

/** Whether there is anything to choose yet. */
export function hasDone(trials: ReadonlyMap<string, Trial>): boolean {
  return [...trials.values()].some((trial) => trial.state === 'done');
}

/** A budget that ran out while waiting reads as that. */
function inTime(target: Target, thrown: unknown): unknown {
  if (!(thrown instanceof Error) || thrown.name !== 'TimeoutError') return thrown;
  return new FettleError('TRIAL_FAILED', {
    recipe: recipeName(target.recipe),
    reason: 'it could not be had within the time budget',
  });
}

export function note(tuner: Tuner, trial: Trial): void {
  tuner.trials.set(trialKey(trial), trial);
  if (trial.error?.retryable !== true) tuner.request.onTrial(trial);
  reportProgress(tuner);
}

function reportProgress({ request, space, trials }: Tuner): void {
  const total = Math.max(trials.size, space.recipes.length + space.plans.length);
  request.onProgress?.({ what: 'tuning', done: trials.size, total, unit: 'trials' });
}
