/** No model is wanted here: nothing answers any more, and the disk is given back. */
import type { StepContext } from './step.ts';

export async function retire({ server, journal, files, status }: StepContext): Promise<void> {
  status('idle', 'ends serving');
  journal.change({ current: null, previous: null, chosen: null });
  await server.retire();
  await files.keepOnly(new Set());
}
