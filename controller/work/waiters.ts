/** Who waits for a thing to be done. */

export interface Waiters {
  /** Resolves when it is woken, aborted or the time is over. */
  wait(id: string, options: { ms: number; signal: AbortSignal }): Promise<void>;
  wake(id: string): void;
}

export function createWaiters(): Waiters {
  const waiting = new Map<string, Set<() => void>>();
  return {
    async wait(id, { ms, signal }) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const mine = waiting.get(id) ?? new Set();
      waiting.set(id, mine);
      mine.add(resolve);
      const timer = setTimeout(resolve, ms);
      signal.addEventListener('abort', () => resolve(), { once: true });
      await promise;
      clearTimeout(timer);
      mine.delete(resolve);
      if (mine.size === 0) waiting.delete(id);
    },
    wake(id) {
      for (const resolve of waiting.get(id) ?? []) resolve();
    },
  };
}
