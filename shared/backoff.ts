/**
 * Waiting between attempts, so that a fleet which lost its controller doesn't come back all at
 * once.
 */
import { setTimeout as sleep } from 'node:timers/promises';

export interface Backoff {
  readonly baseMs: number;
  readonly maxMs: number;
}

/**
 * Milliseconds to wait before attempt `attempt` (0 is the first retry): "full jitter", a uniform
 * draw below min(max, base·2^attempt), floored at half the base so that a retry is never immediate.
 * Source: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export function backoffMs(attempt: number, backoff: Backoff, random = Math.random): number {
  const ceiling = Math.min(backoff.maxMs, backoff.baseMs * 2 ** Math.min(attempt, 30));
  return Math.round(Math.max(backoff.baseMs / 2, random() * ceiling));
}

/** Waits out the backoff of this attempt; rejects with an `AbortError` when aborted. */
export async function waitBackoff(
  attempt: number,
  backoff: Backoff,
  signal?: AbortSignal,
): Promise<void> {
  await sleep(backoffMs(attempt, backoff), undefined, signal ? { signal } : {});
}
