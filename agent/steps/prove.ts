/** Loads the chosen variant beside the present one, proves it, and switches to it. */
import { FettleError } from '../../shared/errors.ts';
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
  const before = journal.get('current');
  const serving = { ...choice.serving, since: new Date().toISOString() };
  const slot = { ...choice, serving, soaked: null };
  if (server.loaded() === keyOf(slot)) server.rename(serving);
  else {
    try {
      await loadSlot(context, slot);
    } catch (thrown) {
      // Whoever tries again tunes again: what was measured of this one is not to be trusted.
      if (thrown instanceof FettleError) journal.change({ chosen: null });
      throw thrown;
    }
  }
  journal.change({ current: slot, previous: before });
}
