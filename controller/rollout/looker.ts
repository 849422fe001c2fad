/**
 * Runs one thing over and over, never twice at once: soon after a poke, and again while time
 * matters.
 */

export interface Looker {
  poke(): void;
  /** Runs something that must not happen while it looks. */
  exclusive<T>(work: () => Promise<T>): Promise<T>;
  /** Resolves when nothing runs any more; later pokes do nothing. */
  stop(): Promise<void>;
}

const waits = {
  /** What arrives within this time is looked at together. */
  pokeMs: 50,
  faultMs: 1000,
  /** A look that takes long leaves as much time again, times this, to the rest of the process. */
  rest: 4,
} as const;

/** `look` says in how many milliseconds time alone may change what it finds; null is never. */
export function createLooker(
  look: () => Promise<number | null>,
  { now, onFault }: { now: () => number; onFault: (thrown: unknown) => void },
): Looker {
  let timer: NodeJS.Timeout | null = null;
  let dueMs = Number.POSITIVE_INFINITY;
  let stopped = false;
  let restMs = 0;
  let last: Promise<unknown> = Promise.resolve();
  const exclusive = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  };
  const schedule = (waitMs: number) => {
    const atMs = now() + Math.max(waitMs, restMs);
    if (stopped || (timer && dueMs <= atMs)) return;
    if (timer) clearTimeout(timer);
    dueMs = atMs;
    timer = setTimeout(run, atMs - now());
  };
  const run = () => {
    timer = null;
    const work = exclusive(async () => {
      if (stopped) return;
      const startedMs = performance.now();
      const nextMs = await look();
      restMs = (performance.now() - startedMs) * waits.rest;
      if (nextMs !== null) schedule(nextMs);
    });
    work.catch((thrown) => {
      onFault(thrown);
      schedule(waits.faultMs);
    });
  };
  return {
    poke: () => schedule(waits.pokeMs),
    exclusive,
    async stop() {
      stopped = true;
      if (timer) clearTimeout(timer);
      await last;
    },
  };
}
