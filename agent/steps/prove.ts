/** Loads the chosen variant beside the present one, proves it, and switches to it. */
import { FettleError } from '../../shared/errors.ts';
import type { Slot } from '../journal.ts';
import { keyOf } from '../look.ts';
import { findChoice } from './choice.ts';
import { loadSlot } from './load.ts';
import type { StepContext } from './step.ts';

export async function prove(context: StepContext): Promise<void> {
  const { journal, server } = context;
  const choice = findChoice(context);
  if (choice === null) return;
  const { recipeName } = choice.serving;
  context.status('proving', `loads ${recipeName} beside what serves`);
  const serving = { ...choice.serving, since: new Date().toISOString() };
  let slot = { ...choice, serving, soaked: null };
  if (server.loaded() === keyOf(slot)) server.rename(serving);
  else {
    try {
      slot = { ...slot, serving: await loadSlot(context, slot) };
    } catch (thrown) {
      // Whoever tries again tunes again: what was measured of this one is not to be trusted.
      const untrue = thrown instanceof FettleError && !thrown.retryable;
      if (untrue) journal.change({ chosen: null });
      throw thrown;
    }
  }
  journal.change({ current: slot, previous: lastProven(context) });
}

/** What is fallen back to: one that has not passed its own soak yet is no ground to stand on. */
function lastProven({ journal }: StepContext): Slot | null {
  const before = journal.get('current');
  return before?.soaked === null ? journal.get('previous') : before;
}
