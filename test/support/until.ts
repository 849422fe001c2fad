/**
 * Waits for a condition instead of a time: looks again and again until it holds or the limit is
 * over.
 */
import { setTimeout as pause } from 'node:timers/promises';

export interface UntilOptions {
  readonly timeoutMs?: number;
  readonly everyMs?: number;
}

/**
 * The first value that is neither false, null nor undefined. Throws with `what` after 30 s or
 * `timeoutMs`.
 */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  { timeoutMs = 30_000, everyMs = 50 }: UntilOptions = {},
): Promise<NonNullable<T>> {
  const endMs = performance.now() + timeoutMs;
  while (true) {
    const value = await look();
    if (value !== false && value !== null && value !== undefined) return value;
    if (performance.now() > endMs) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await pause(everyMs);
  }
}
