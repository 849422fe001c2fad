/**
 * Loads what served before, after a start or a fall back; what can't be loaded makes room for the
 * one before it.
 */
import { FettleError } from '../../shared/errors.ts';
import { rollBack } from '../fallback.ts';
import { loadSlot } from './load.ts';
import type { StepContext } from './step.ts';

export async function restore(context: StepContext): Promise<void> {
  const { journal, server, goalKey, signal } = context;
  const slot = journal.get('current');
  if (slot === null) return;
  context.status(slot.goalKey === goalKey ? 'proving' : 'fetching', 'loads what served before');
  try {
    await loadSlot(context, slot);
  } catch (thrown) {
    signal.throwIfAborted();
    if (!(thrown instanceof FettleError)) throw thrown;
    context.log('error', `${thrown.message} (${thrown.code})`);
    context.event('error', thrown.code, thrown.message);
    await rollBack({ journal, server }, thrown);
  }
}
