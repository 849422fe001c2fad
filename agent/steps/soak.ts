/**
 * The variant answers; the one before it is kept, loaded where there is room for both, until this
 * one has answered well through its soak. Only then it is said to serve.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { FettleError } from '../../shared/errors.ts';
import { rollBack } from '../fallback.ts';
import { filesOf, keyOf } from '../look.ts';
import type { Health } from '../serve/server.ts';
import type { StepContext } from './step.ts';

const lookMs = 1000;
/** A variant that fails so many requests, and such a share of them, is not what was chosen. */
const bearable = { errors: 5, share: 0.1 } as const;

/** Why it has not proven itself; null as long as it may still. Pure. */
export function unsound({ requests, errors }: Health): string | null {
  if (errors < bearable.errors || errors < bearable.share * requests) return null;
  return `${errors} of ${requests} requests failed in its soak`;
}

export async function soak(context: StepContext): Promise<void> {
  const { journal, server, files, desired, signal, status } = context;
  const slot = journal.get('current');
  if (slot === null || desired === null) return;
  const startMs = performance.now();
  const seconds = desired.soakSeconds;
  while (true) {
    // A pool that gave up has made room for the one before it: that is looked at anew.
    if (server.loaded() !== keyOf(slot)) return;
    const reason = unsound(server.health());
    if (reason !== null) {
      const error = new FettleError('SOAK_FAILED', { variant: slot.serving.recipeName, reason });
      await rollBack(context, error);
      throw error;
    }
    const done = (performance.now() - startMs) / 1000;
    if (done >= seconds) break;
    const shown = Math.round(done);
    const progress = { what: 'soak', done: shown, total: seconds, unit: 'seconds' } as const;
    status('proving', `${slot.serving.recipeName} answers; the one before is kept`, progress);
    await sleep(Math.min(lookMs, (seconds - done) * 1000), undefined, { signal });
  }
  journal.change({ current: { ...slot, soaked: desired.revision } });
  await server.dismiss();
  const kept = [journal.get('current'), journal.get('previous'), journal.get('chosen')];
  await files.keepOnly(new Set(kept.flatMap(filesOf)));
}
