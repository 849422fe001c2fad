/**
 * Finds out, by measuring, which variant this device runs best; a restart goes on where it stopped.
 */
import * as v from 'valibot';
import { FettleError } from '../../shared/errors.ts';
import { encodeJson } from '../../shared/json.ts';
import type { ModelGoal, Serving } from '../../shared/protocol/messages.ts';
import type { Profile } from '../../shared/protocol/profile.ts';
import { type Choice, Trial } from '../../shared/protocol/tuning.ts';
import { driftsOf, tunedFor } from '../plan.ts';
import { freeDiskMiB } from '../profile/disk.ts';
import { trialKey } from '../tune/candidates.ts';
import { tune } from '../tune/tune.ts';
import { controllerSource } from '../variant-source.ts';
import type { StepContext } from './step.ts';

/** Beside a variant that serves, trials give way, and rest for half of the time. */
const beside = { niceness: 5, coresShare: 0.5 } as const;
/** Results older than this are of a device that has changed. */
const trialsKeptMs = 90 * 86_400_000;

export async function tuneForGoal(context: StepContext): Promise<void> {
  const { journal, desired, goalKey, signal, status, identity, files, profile } = context;
  if (!desired?.model || goalKey === null) return;
  const { model: goal } = desired;
  const onWaiting = (reason: string) => status('fetching', `${reason}; tries again`);
  const named = { model: goal.name, version: goal.version };
  const source = controllerSource({ identity, files, ...named, onWaiting });
  let step = 'asks for the first variant';
  status('fetching', step);
  const tuning = await tune({
    device: context.settings.device,
    revision: desired.revision,
    goal,
    // What another device found does not tell what became of this one.
    hint: driftsOf(journal.get('drift'), desired) === 0 ? desired.hint : null,
    profile: await withRoom(profile, context.settings.dataFolder),
    source,
    budgetSeconds: desired.tuningBudgetSeconds,
    countWaiting: false,
    ...trialMemory(context, goal),
    ...(context.server.active() && beside),
    signal,
    onStep(text) {
      step = text;
    },
    onProgress(progress) {
      status(progress.unit === 'trials' ? 'tuning' : 'fetching', step, progress);
    },
  });
  signal.throwIfAborted();
  journal.change({ tuning: { tuning, acknowledged: false } });
  context.tuned();
  if (tuning.chosen === null) {
    const reason = typeof tuning.reason === 'string' ? tuning.reason : 'see its trials';
    throw new FettleError('NO_VARIANT_FITS', { reason });
  }
  const file = await source.get(tuning.chosen.recipe, { signal });
  const golden = files.digestOfPath(file.goldenPath);
  const serving = servingOf(goal, tuning.chosen);
  journal.change({ chosen: { goalKey, serving, golden, soaked: null } });
}

/** The profile may be a day old, and the disk have been full, or empty, at the time. */
async function withRoom(profile: Profile, folder: string): Promise<Profile> {
  const freeMiB = await freeDiskMiB(folder);
  return freeMiB === null ? profile : { ...profile, disk: { ...profile.disk, freeMiB } };
}

/** Trials outlive the process, so that tuning goes on after a power cut. */
function trialMemory({ store, journal, desired, profile, log }: StepContext, goal: ModelGoal) {
  const group = `${goal.digest} ${tunedFor(profile, driftsOf(journal.get('drift'), desired))}`;
  store.forgetTrialsBefore(Date.now() - trialsKeptMs);
  const finished = store.readTrials(group).flatMap((text) => {
    const parsed = v.safeParse(Trial, JSON.parse(text));
    return parsed.success ? [parsed.output] : [];
  });
  if (finished.length > 0) log('info', `${finished.length} trials are known from before`);
  return {
    finished,
    onTrial(trial: Trial) {
      const value = encodeJson(trial);
      store.writeTrial({ group, key: trialKey(trial), value }, Date.now());
    },
  };
}

function servingOf(goal: ModelGoal, choice: Choice): Serving {
  const { recipe, recipeName, variant, bytes, plan, quality, latencyMsP50, reason } = choice;
  const { proof = null } = choice;
  return {
    model: goal.name,
    version: goal.version,
    recipe,
    recipeName,
    variant,
    bytes,
    sourceBytes: goal.bytes,
    plan,
    quality,
    latencyMsP50,
    reason,
    proof,
    since: new Date().toISOString(),
  };
}
