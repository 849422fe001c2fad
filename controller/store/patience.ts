/** What only the database keeps from being done is done again until it is, or until the end. */
import { type Backoff, waitBackoff } from '../../shared/backoff.ts';
import { isDataFault } from '../apart.ts';

export interface Patience {
  readonly signal: AbortSignal;
  readonly onFault: (thrown: unknown) => void;
}

const backoff: Backoff = { baseMs: 500, maxMs: 30_000 };

/** Throws what will not get better, and whatever there is once the signal is aborted. */
export async function patiently<T>(
  work: () => Promise<T>,
  { signal, onFault }: Patience,
): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work();
    } catch (thrown) {
      if (signal.aborted || isDataFault(thrown)) throw thrown;
      onFault(thrown);
    }
    await waitBackoff(attempt, backoff, signal);
  }
}
