/** Waits while the controller still compares two versions, which it does once for each pair. */
import { setTimeout as pause } from 'node:timers/promises';
import { FettleError } from '../../shared/errors.ts';
import type { VersionComparison } from '../../shared/protocol/comparisons.ts';
import type { CommandContext } from '../command.ts';

const lookEveryMs = 1000;

type Waiting = Pick<CommandContext, 'io' | 'signal'>;

/** A document, once nothing in it is being measured any more. */
export async function whenCompared<T extends { comparisons: readonly VersionComparison[] }>(
  look: () => Promise<T>,
  waiting: Waiting,
): Promise<T> {
  let found = await look();
  while (found.comparisons.some(({ state }) => state === 'measuring')) {
    await wait(waiting);
    found = await look();
  }
  return found;
}

/** What `start` gives; it is called again while it is refused for a comparison under way. */
export async function startWhenCompared<T>(start: () => Promise<T>, waiting: Waiting): Promise<T> {
  while (true) {
    try {
      return await start();
    } catch (thrown) {
      if (!(thrown instanceof FettleError) || thrown.code !== 'COMPARISON_PENDING') throw thrown;
      await wait(waiting);
    }
  }
}

async function wait({ io, signal }: Waiting): Promise<void> {
  io.progress({ what: 'comparing with the version before', done: 0, total: 0, unit: 'samples' });
  await pause(lookEveryMs, undefined, { signal });
}
