/**
 * The variant answers; the one before it is kept until this one has answered through its soak.
 * Whether that is success is for the controller to judge.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { filesOf, keyOf } from '../look.ts';
import type { StepContext } from './step.ts';

const lookMs = 1000;

export async function soak(context: StepContext): Promise<void> {
  const { journal, server, files, desired, signal, status } = context;
  const slot = journal.get('current');
  if (slot === null || desired === null) return;
  const startMs = performance.now();
  const seconds = desired.soakSeconds;
  while (true) {
    // A pool that gave up has made room for the one before it: that is looked at anew.
    if (server.loaded() !== keyOf(slot)) return;
    const done = (performance.now() - startMs) / 1000;
    if (done >= seconds) break;
    const shown = Math.round(done);
    const progress = { what: 'soak', done: shown, total: seconds, unit: 'seconds' } as const;
    status('serving', `${slot.serving.recipeName} answers; the one before is kept`, progress);
    await sleep(Math.min(lookMs, (seconds - done) * 1000), undefined, { signal });
  }
  journal.change({ current: { ...slot, soaked: desired.revision } });
  const kept = [journal.get('current'), journal.get('previous'), journal.get('chosen')];
  await files.keepOnly(new Set(kept.flatMap(filesOf)));
}
