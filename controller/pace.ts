/** When the next batch goes: a while after the last one, or at once where something is urgent. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface Pace {
  /** Waits for the next turn; at least until what has arrived together has been taken. */
  turn(): Promise<void>;
  /** Ends the wait that is under way, or lets the next one be none. */
  hurry(): void;
}

export function createPace(everyMs: number): Pace {
  let urgent = Promise.withResolvers<void>();
  let dueMs = 0;
  return {
    async turn() {
      const waitMs = dueMs - performance.now();
      const over = new AbortController();
      if (waitMs > 0) {
        const waited = sleep(waitMs, undefined, { signal: over.signal }).catch(() => {});
        await Promise.race([waited, urgent.promise]);
        over.abort();
      }
      await new Promise(setImmediate);
      urgent = Promise.withResolvers();
      dueMs = performance.now() + everyMs;
    },
    hurry: () => urgent.resolve(),
  };
}
