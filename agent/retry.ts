/**
 * When a revision that failed is tried again: faults of the way soon, others rarely, the rest
 * never.
 */
import { backoffMs } from '../shared/backoff.ts';
import type { ErrorCode } from '../shared/errors.ts';
import type { JournalRow } from './journal.ts';

type Failure = JournalRow<'failure'>;

export interface Retry {
  /** Whether this failure may be tried again now. */
  isDue(failure: Failure | null): boolean;
  plan(failure: Failure): void;
  /** The controller can be reached again: whatever waits for that need not wait longer. */
  now(): void;
  end(): void;
}

/** Faults of the way to the controller say nothing of the revision: they are waited out. */
export const waitedOut: readonly ErrorCode[] = [
  'CONTROLLER_UNREACHABLE',
  'DOWNLOAD_FAILED',
  'TIMEOUT',
];
const waitingBackoff = { baseMs: 2000, maxMs: 120_000 } as const;
/** Someone may free disk space meanwhile. */
const failedBackoff = { baseMs: 60_000, maxMs: 3_600_000 } as const;

export function createRetry(onDue: () => void): Retry {
  let open: { failure: Failure; timer: NodeJS.Timeout } | null = null;
  let dueRevision: number | null = null;
  const clear = () => {
    if (open) clearTimeout(open.timer);
    open = null;
  };
  const ring = () => {
    dueRevision = open?.failure.revision ?? null;
    clear();
    onDue();
  };
  return {
    isDue: (failure) => failure !== null && failure.revision === dueRevision,
    plan(failure) {
      clear();
      dueRevision = null;
      if (!failure.error.retryable) return;
      const backoff = failure.waiting ? waitingBackoff : failedBackoff;
      const timer = setTimeout(ring, backoffMs(failure.attempts, backoff));
      timer.unref();
      open = { failure, timer };
    },
    now() {
      if (open?.failure.waiting) ring();
    },
    end: clear,
  };
}
