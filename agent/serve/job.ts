/**
 * One run of the model, from the queue to its answer. It ends with an answer, at its deadline, or
 * as soon as nobody waits for it any more.
 */
import { FettleError } from '../../shared/errors.ts';
import type { Tensors } from '../../shared/evaluate/tensor.ts';
import type { Waiting } from './gather.ts';

/** Moments of a run that somebody follows, by `performance.now()`. */
export interface RunMarks {
  startedMs: number | null;
  endedMs: number | null;
}

export interface Job extends Waiting {
  readonly answer: PromiseWithResolvers<Tensors>;
  readonly marks: RunMarks | null;
  /** When a thread began with it; null while it waits. */
  begunMs: number | null;
  resolve(outputs: Tensors): void;
  reject(reason: unknown): void;
}

export interface NewJob {
  readonly feeds: Tensors;
  /** By `performance.now()`. */
  readonly deadlineMs: number;
  /** From the arrival of a request to its deadline. */
  readonly answerMs: number;
  readonly signal: AbortSignal | null;
  readonly marks: RunMarks | null;
  /** It ended by itself, wherever it was. */
  readonly onLeft: (job: Job) => void;
}

export function openJob({ feeds, deadlineMs, answerMs, signal, marks, onLeft }: NewJob): Job {
  const arrivedMs = performance.now();
  const answer = Promise.withResolvers<Tensors>();
  const leave = (reason: unknown) => {
    job.reject(reason);
    onLeft(job);
  };
  const timer = setTimeout(
    () => leave(lateError(job.begunMs, { nowMs: performance.now(), answerMs })),
    Math.max(0, deadlineMs - arrivedMs),
  );
  const cancel = () => leave(signal?.reason);
  const close = () => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', cancel);
  };
  const job: Job = {
    ...{ feeds, arrivedMs, answer, marks, begunMs: null },
    resolve(outputs) {
      close();
      answer.resolve(outputs);
    },
    reject(reason) {
      close();
      answer.reject(reason);
    },
  };
  signal?.addEventListener('abort', cancel, { once: true });
  return job;
}

/**
 * Whose fault a passed deadline is: the variant's where this one run has taken more than half of
 * the time, else that of what came before it. Pure.
 */
export function lateError(
  begunMs: number | null,
  { nowMs, answerMs }: { readonly nowMs: number; readonly answerMs: number },
): FettleError {
  const ranMs = begunMs === null ? 0 : nowMs - begunMs;
  const what = 'inference';
  if (2 * ranMs > answerMs) return new FettleError('TIMEOUT', { what, timeoutMs: answerMs });
  return new FettleError('DEADLINE_PASSED', { what, timeoutMs: answerMs });
}
