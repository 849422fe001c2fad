/** Whether a run is let in, said at once: whoever asks can go elsewhere. Pure. */
import { FettleError } from '../../shared/errors.ts';
import { busy } from './outcome.ts';

export interface Queue {
  /** Runs that wait, and how many may. */
  readonly waiting: number;
  readonly queueMax: number;
  /** The variant answers what it has, and nothing more. */
  readonly ends: boolean;
  /** How long this run would wait at least. */
  readonly waitMs: number;
  /** Until the deadline of its request, of so long from its arrival. */
  readonly leftMs: number;
  readonly answerMs: number;
}

/** Why it is not; null where it is. */
export function refusal(queue: Queue): FettleError | null {
  const { waiting, queueMax, ends, waitMs, leftMs, answerMs } = queue;
  if (ends) return busy('the variant is being replaced');
  if (waiting >= queueMax) return busy(`${waiting} runs wait`);
  if (leftMs <= 0) {
    return new FettleError('DEADLINE_PASSED', { what: 'inference', timeoutMs: answerMs });
  }
  if (waitMs <= leftMs) return null;
  return busy(`${waiting} runs wait, which takes ${Math.round(waitMs / 1000)} s or more`);
}
