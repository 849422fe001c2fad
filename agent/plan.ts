/**
 * What an agent does next: one step at a time, decided from what should be and what is. Pure: after
 * a crash, a reboot, a lost message or a newer revision the same function is asked again.
 */
import { type Digest, digestOfJson } from '../shared/digest.ts';
import type { ErrorReport } from '../shared/errors.ts';
import type { Desired } from '../shared/protocol/messages.ts';
import type { Profile } from '../shared/protocol/profile.ts';
import type { DeviceState } from '../shared/protocol/states.ts';
import type { Plan } from '../shared/protocol/tuning.ts';

export type StepName = 'restore' | 'retire' | 'tune' | 'fetch' | 'prove' | 'soak';

export interface PlannedStep {
  readonly step: StepName;
  readonly reason: string;
}

/** A variant under a plan, chosen for a goal. */
export interface SlotFacts {
  readonly goalKey: Digest;
  /** Identifies variant and plan: see `slotKeyOf`. */
  readonly key: Digest;
  /** Whether its files are here, whole. */
  readonly present: boolean;
}

/** What is, from the journal, the disk and memory. */
export interface Current {
  /** What the journal says serves; a process that has just started has not loaded it yet. */
  readonly slot: SlotFacts | null;
  /** The key of what answers requests now. */
  readonly loaded: Digest | null;
  /** Choices made before, by tuning or for an earlier revision; the newest first. */
  readonly choices: readonly SlotFacts[];
  readonly failure: {
    readonly revision: number;
    readonly error: ErrorReport;
    /** A fault of the way there, such as the network: the revision has not failed. */
    readonly waiting: boolean;
    /** The time to try again has come. */
    readonly due: boolean;
  } | null;
  /** The revision for which what is loaded has passed its soak. */
  readonly soaked: number | null;
}

/**
 * The device that a choice is valid for: its class, its runtime, and how often it has drifted.
 * Trials are kept for it too.
 */
export function tunedFor(
  { hardwareClass, runtimeVersion }: Pick<Profile, 'hardwareClass' | 'runtimeVersion'>,
  times: number,
): string {
  return [hardwareClass, runtimeVersion, ...(times > 0 ? [`drift ${times}`] : [])].join(' ');
}

/** How often the device has drifted from what it was when it was tuned for this model. */
export function driftsOf(
  drift: { readonly model: Digest; readonly times: number } | null,
  desired: Desired | null,
): number {
  return drift !== null && drift.model === desired?.model?.digest ? drift.times : 0;
}

/**
 * Identifies what a choice is valid for: the model, everything else that tuning depends on, and the
 * device: see `tunedFor`. Two revisions with one goal need one tuning.
 */
export function goalKeyOf(desired: Desired | null, device: string): Digest | null {
  if (!desired?.model) return null;
  const { name, version, digest, maxDrop, objective, limits, candidates } = desired.model;
  const model = { name, version, digest, maxDrop, objective, limits, candidates };
  return digestOfJson({ model, device });
}

export function slotKeyOf(variant: Digest, plan: Plan): Digest {
  return digestOfJson({ variant, plan });
}

/** The next step, or null where there is nothing to do but wait. */
export function plan(
  desired: Desired | null,
  goalKey: Digest | null,
  current: Current,
): PlannedStep | null {
  const { slot, loaded } = current;
  if (desired?.model === null) {
    if (loaded === null && slot === null) return null;
    return { step: 'retire', reason: 'no model is wanted here' };
  }
  if (slot !== null && loaded !== slot.key) {
    return { step: 'restore', reason: 'this variant served before' };
  }
  if (desired === null || goalKey === null || isHeld(desired, current)) return null;
  if (slot?.goalKey === goalKey) {
    if (current.soaked === desired.revision) return null;
    return { step: 'soak', reason: 'it has to answer well for a while first' };
  }
  const choice = current.choices.find((one) => one.goalKey === goalKey);
  if (!choice) return { step: 'tune', reason: 'no variant is chosen for this model yet' };
  if (!choice.present) return { step: 'fetch', reason: 'the chosen variant is not here' };
  return { step: 'prove', reason: 'the chosen variant is here and does not serve yet' };
}

/** What a device that waits is to be called, and why. */
export function restingState(
  desired: Desired | null,
  current: Current,
): { state: DeviceState; reason: string } {
  if (desired === null) return { state: 'idle', reason: 'waits for what it should run' };
  if (desired.model === null) return { state: 'idle', reason: 'no model is wanted here' };
  const { failure } = current;
  if (failure !== null && isHeld(desired, current)) {
    return failure.waiting
      ? { state: 'fetching', reason: `${failure.error.message}; tries again` }
      : { state: 'failed', reason: failure.error.message };
  }
  return { state: 'serving', reason: 'the chosen variant answers' };
}

/** A failure holds its own revision back until it is due again; a newer revision starts afresh. */
function isHeld(desired: Desired, { failure }: Current): boolean {
  return failure !== null && failure.revision === desired.revision && !failure.due;
}
