/**
 * One model in one worker thread: the runtime's `run` blocks its thread, and must not block the
 * agent.
 */
import { Worker } from 'node:worker_threads';
import { type ErrorReport, FettleError } from '../../shared/errors.ts';
import type { GoldenResult } from '../../shared/evaluate/golden.ts';
import type { Tensors } from '../../shared/evaluate/tensor.ts';
import { emptyHistogram, type Histogram, record } from '../../shared/histogram.ts';
import type { TensorInfo } from '../../shared/protocol/fields.ts';
import type { Plan } from '../../shared/protocol/tuning.ts';

export interface ThreadSpec {
  readonly path: string;
  readonly plan: Plan;
}

export type ToThread =
  | { readonly kind: 'run'; readonly id: number; readonly feeds: Tensors }
  | { readonly kind: 'golden'; readonly id: number; readonly path: string }
  | { readonly kind: 'end' };

export interface Signature {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
}

export type FromThread =
  | ({ readonly kind: 'open' } & Signature)
  | { readonly kind: 'unopened'; readonly error: ErrorReport }
  | { readonly kind: 'ran'; readonly id: number; readonly outputs: Tensors; readonly ms: number }
  | { readonly kind: 'agreed'; readonly id: number; readonly result: GoldenResult }
  | { readonly kind: 'failed'; readonly id: number; readonly error: ErrorReport };

export interface Thread extends Signature {
  /** Runs that it is given at the same time, those that wait there included. */
  readonly depth: number;
  /** The feeds' memory goes to the thread and is gone here. Throws `SERVE_FAILED`. */
  run(feeds: Tensors): Promise<Tensors>;
  golden(path: string): Promise<GoldenResult>;
  /** Milliseconds of runs in the runtime since the last call; empty where nobody counts them. */
  takeRuns(): Histogram;
  /** Resolves when it ended, for whatever reason, or was abandoned. */
  readonly ended: Promise<void>;
  /** Resolves when it is really gone. */
  readonly gone: Promise<void>;
  /** Frees the session and ends. */
  end(): Promise<void>;
  /** It runs for too long: it is not waited for any more, counts as ended, and ends when it can. */
  abandon(): void;
}

/** What was asked of a thread and is not answered yet, by number. */
export type Asked<T> = Map<number, PromiseWithResolvers<T>>;

/** Throws `SERVE_FAILED` where the model does not load, or takes too long to. */
export async function openThread(spec: ThreadSpec, timeoutMs: number): Promise<Thread> {
  const extension = import.meta.filename.endsWith('.ts') ? 'ts' : 'js';
  const file = new URL(`./worker.${extension}`, import.meta.url);
  const worker = new Worker(file, { workerData: spec, name: 'fettle-serve' });
  const runs: Asked<Tensors> = new Map();
  const goldens: Asked<GoldenResult> = new Map();
  const counter = countRuns();
  const opened = Promise.withResolvers<Signature>();
  const ended = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  worker.on('message', (message: FromThread) => {
    if (message.kind === 'open') opened.resolve(message);
    else if (message.kind === 'unopened') opened.reject(failed(spec, message.error.message));
    else if (message.kind === 'ran') {
      counter.ran(message.ms);
      take(runs, message.id)?.resolve(message.outputs);
    } else if (message.kind === 'agreed') take(goldens, message.id)?.resolve(message.result);
    else {
      const asked = take(runs, message.id) ?? take(goldens, message.id);
      asked?.reject(failed(spec, message.error.message));
    }
  });
  const failAll = (reason: string) => {
    for (const one of [opened, ...runs.values(), ...goldens.values()]) {
      one.reject(failed(spec, reason));
    }
    runs.clear();
    goldens.clear();
  };
  let fault: string | null = null;
  worker.on('error', (error) => {
    fault = error.message;
  });
  // Known as ended before its work is known as failed, so that it's given nothing more.
  worker.on('exit', (code) => {
    ended.resolve();
    gone.resolve();
    failAll(fault ?? `its thread ended with code ${code}`);
  });
  const error = failed(spec, `it did not load within ${timeoutMs} ms`);
  const { inputs, outputs } = await openWithin(opened, worker, { afterMs: timeoutMs, error });
  let next = 0;
  return {
    ...{ inputs, outputs, depth: depthOf(spec), takeRuns: counter.take },
    ended: ended.promise,
    gone: gone.promise,
    run(feeds) {
      const id = next++;
      worker.postMessage({ kind: 'run', id, feeds } satisfies ToThread, buffersOf(feeds));
      return put(runs, id);
    },
    golden(path) {
      const id = next++;
      worker.postMessage({ kind: 'golden', id, path } satisfies ToThread);
      return put(goldens, id);
    },
    async end() {
      worker.postMessage({ kind: 'end' } satisfies ToThread);
      await ended.promise;
    },
    abandon() {
      leave(worker);
      ended.resolve();
      failAll('it ran for too long');
    },
  };
}

/**
 * The next run lies ready where one ends, instead of a round trip through a busy process later: two
 * sessions of a small model answer half as much again. What is to be put together must wait for it.
 */
function depthOf({ plan }: ThreadSpec): number {
  return plan.batch > 1 ? 1 : 2;
}

function countRuns() {
  let ms = emptyHistogram();
  return {
    ran: (one: number) => record(ms, one),
    take() {
      const taken = ms;
      ms = emptyHistogram();
      return taken;
    },
  };
}

export function take<T>(asked: Asked<T>, id: number): PromiseWithResolvers<T> | undefined {
  const one = asked.get(id);
  asked.delete(id);
  return one;
}

export function put<T>(asked: Asked<T>, id: number): Promise<T> {
  const one = Promise.withResolvers<T>();
  asked.set(id, one);
  return one.promise;
}

async function openWithin<T>(
  opened: PromiseWithResolvers<T>,
  worker: Worker,
  late: { readonly afterMs: number; readonly error: Error },
): Promise<T> {
  const timer = setTimeout(() => opened.reject(late.error), late.afterMs);
  try {
    return await opened.promise;
  } catch (thrown) {
    leave(worker);
    throw thrown;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * A thread that is within the runtime can't be terminated: the runtime's call would come back into
 * an environment that is gone, throw there, and end the process. It is asked to end instead.
 */
export function leave(worker: Worker): void {
  worker.unref();
  worker.postMessage({ kind: 'end' } satisfies ToThread);
}

export function failed(spec: ThreadSpec, reason: string): FettleError {
  return new FettleError('SERVE_FAILED', { model: spec.path, reason });
}

/** The memory of tensors, each buffer once, to be moved instead of copied. */
export function buffersOf(tensors: Tensors): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const { data } of Object.values(tensors)) {
    if (!Array.isArray(data) && data.buffer instanceof ArrayBuffer) buffers.add(data.buffer);
  }
  return [...buffers];
}
