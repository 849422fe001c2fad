/** Trials in processes of their own: whatever a variant does there, this process lives on. */
import * as v from 'valibot';
import { type Recipe, recipeName } from '../../shared/compress/recipe.ts';
import { FettleError, reportError } from '../../shared/errors.ts';
import type { Plan, Trial } from '../../shared/protocol/tuning.ts';
import type { VariantFile } from '../../shared/variants.ts';
import { type ChildEnd, runChild, siblingModule } from '../measured-child.ts';
import { disturbanceOf } from './disturbance.ts';
import { goldenReason } from './golden-verdict.ts';
import {
  type Conditions,
  type Effort,
  type Measured,
  TrialAnswer,
  TrialRefusal,
  type TrialRequest,
} from './trial-protocol.ts';

export interface Entry {
  readonly variant: VariantFile;
  readonly plan: Plan;
}

export interface TrialOptions {
  readonly effort: Effort;
  readonly compare: 'latency' | 'throughput';
  /** Resident memory at which the process is stopped; null is none. */
  readonly memoryLimitMiB: number | null;
  /** Until the process is stopped, loading included. */
  readonly timeoutMs: number;
  /** 0 is as other processes, 19 gives way to all. */
  readonly niceness: number;
  readonly signal: AbortSignal;
  /** Whether the energy of a run is measured. */
  readonly power?: boolean;
  /** The folder that stands for `/` where sensors are read. */
  readonly root?: string;
  /** The module that runs in the process. */
  readonly module?: URL;
}

/**
 * One variant under one plan, measured alone. What goes wrong is the trial's `error`; only an
 * aborted signal throws.
 */
export async function runTrial(entry: Entry, options: TrialOptions): Promise<Trial> {
  const blank = blankTrial({ ...entry.variant, plan: entry.plan, variant: entry.variant.digest });
  const answer = await askChild([entry], options).catch((thrown) => {
    options.signal.throwIfAborted();
    return reportError(thrown);
  });
  if ('code' in answer) return { ...blank, error: { ...answer } };
  const [measured] = answer.measured;
  const wrong = measured?.golden ? goldenReason(measured.golden, blank.recipe) : null;
  const recipe = blank.recipeName;
  return {
    ...blank,
    ...(measured && figuresOf(measured, { conditions: answer.conditions, plan: entry.plan })),
    state: wrong === null ? 'done' : 'failed',
    error:
      wrong === null
        ? null
        : { ...reportError(new FettleError('GOLDEN_MISMATCH', { recipe, reason: wrong })) },
    memoryMiB: Math.round(answer.peakMiB * 10) / 10,
    temperatureC: answer.conditions.temperatureC,
    ...(options.power && { energyJ: energyOf(answer) }),
  };
}

/** Of one run: watts over runs a second. Warming up takes as much power, and counts no run. */
function energyOf({ measured: [one], conditions: { powerW } }: TrialAnswer): number | null {
  if (powerW === null || one === undefined || one.throughputPerSecond <= 0) return null;
  return powerW / one.throughputPerSecond;
}

/**
 * Several, alternating in one process; all but the first are compared with it. The figures in the
 * order of the entries. Throws `TRIAL_FAILED` where they cannot be measured together.
 */
export async function runFinal(
  entries: readonly Entry[],
  options: TrialOptions,
): Promise<Partial<Trial>[]> {
  const { measured, conditions } = await askChild(entries, options);
  // Memory is shared there and loading happens one beside the other: both stay as measured alone.
  return entries.flatMap(({ plan }, at) => {
    const one = measured[at];
    if (!one) return [];
    const { golden: _golden, loadMs: _loadMs, ...figures } = figuresOf(one, { conditions, plan });
    return [figures];
  });
}

/** A trial that has measured nothing yet. */
export function blankTrial(of: {
  readonly recipe: Recipe;
  readonly plan: Plan;
  readonly variant?: Trial['variant'];
  readonly bytes?: number;
  readonly quality?: Trial['quality'];
}): Trial {
  return {
    recipe: of.recipe,
    recipeName: recipeName(of.recipe),
    plan: of.plan,
    variant: of.variant ?? null,
    bytes: of.bytes ?? 0,
    state: 'failed',
    error: null,
    quality: of.quality ?? null,
    ...{ latencyMsP50: 0, latencyMsP95: 0, throughputPerSecond: 0, memoryMiB: 0, loadMs: 0 },
    ...{ runs: 0, golden: null, temperatureC: null },
    at: new Date().toISOString(),
  };
}

function figuresOf(
  { loadMs, ...measured }: Measured,
  { conditions, plan }: { readonly conditions: Conditions; readonly plan: Plan },
) {
  const disturbed = disturbanceOf(conditions, { plan, spread: measured.spread });
  return { ...measured, loadMs: Math.round(loadMs), disturbed };
}

/** A process that is killed from outside is no fault of the variant: it gets a second chance. */
const attempts = 2;

/** The child's answer. Throws `TRIAL_FAILED` with what it said, or how it ended. */
async function askChild(entries: readonly Entry[], options: TrialOptions): Promise<TrialAnswer> {
  for (let attempt = 1; ; attempt++) {
    const { said, end } = await askOnce(entries, options);
    const answer = v.safeParse(TrialAnswer, said);
    if (end.failure === null && answer.success) return answer.output;
    if (end.failure?.why !== 'crash' || attempt === attempts) throw refusal(entries, said, end);
  }
}

async function askOnce(entries: readonly Entry[], options: TrialOptions) {
  let said: unknown;
  const { compare, effort, power = false, root } = options;
  const contestants = entries.map(({ variant, plan }) => ({
    path: variant.path,
    goldenPath: variant.goldenPath,
    plan,
  }));
  const end = await runChild({
    ...options,
    module: options.module ?? siblingModule(import.meta.url, 'trial-child.ts'),
    request: {
      ...{ contestants, compare, effort, power },
      ...(root !== undefined && { root }),
    } satisfies TrialRequest,
    onLine(line) {
      said = line;
    },
  });
  return { said, end };
}

function refusal(entries: readonly Entry[], said: unknown, end: ChildEnd): FettleError {
  const refused = v.safeParse(TrialRefusal, said);
  const at = refused.success ? refused.output.refused.contestant : 0;
  const entry = entries[at] ?? entries[0];
  const reason = refused.success
    ? refused.output.refused.message
    : (end.failure?.reason ?? 'its process ended without an answer');
  return new FettleError('TRIAL_FAILED', {
    recipe: entry === undefined ? 'nothing' : recipeName(entry.variant.recipe),
    reason,
  });
}
