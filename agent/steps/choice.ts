import type { JournalRow } from '../journal.ts';
import type { StepContext } from './step.ts';

/** The choice that was made for this goal, lately or before; null where there is none. */
export function findChoice({ journal, goalKey }: StepContext): JournalRow<'chosen'> | null {
  const known = [journal.get('chosen'), journal.get('previous')];
  return known.find((one) => one?.goalKey === goalKey) ?? null;
}
