/** The facts that planning needs, gathered from the journal, the disk and memory. */
import type { Digest } from '../shared/digest.ts';
import type { Files } from './files.ts';
import type { Journal, Slot } from './journal.ts';
import { type Current, type SlotFacts, slotKeyOf } from './plan.ts';

export interface Looking {
  readonly journal: Journal;
  readonly files: Files;
  /** The key of the slot that answers requests. */
  readonly loaded: Digest | null;
  /** Whether the time to try a failed revision again has come. */
  readonly due: boolean;
}

export async function look({ journal, files, loaded, due }: Looking): Promise<Current> {
  const slot = journal.get('current');
  const previous = journal.get('previous');
  const chosen = journal.get('chosen');
  const failure = journal.get('failure');
  const choices: SlotFacts[] = [];
  for (const one of [chosen, slot, previous]) {
    if (one) choices.push(await factsOf(files, one));
  }
  return {
    slot: slot && (await factsOf(files, slot)),
    loaded,
    choices,
    failure: failure && { ...failure, due },
    soaked: slot?.soaked ?? null,
  };
}

export function keyOf(slot: Slot): Digest {
  return slotKeyOf(slot.serving.variant, slot.serving.plan);
}

/** The digests of the files that a slot needs. */
export function filesOf(slot: Slot | null): Digest[] {
  if (slot === null) return [];
  const { variant } = slot.serving;
  return slot.golden === null ? [variant] : [variant, slot.golden];
}

async function factsOf(files: Files, slot: Slot): Promise<SlotFacts> {
  const there = await Promise.all(filesOf(slot).map((one) => files.has(one)));
  return { goalKey: slot.goalKey, key: keyOf(slot), present: there.every(Boolean) };
}
