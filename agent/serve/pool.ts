/**
 * A variant under its plan: as many threads as the plan has instances, and one bounded queue before
 * them. A thread that dies is replaced; one that dies again and again ends the pool.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { FettleError } from '../../shared/errors.ts';
import type { GoldenResult } from '../../shared/evaluate/golden.ts';
import type { Tensors } from '../../shared/evaluate/tensor.ts';
import type { TensorInfo } from '../../shared/protocol/fields.ts';
import { openThread, type Thread, type ThreadSpec } from './thread.ts';

export interface PoolSpec extends ThreadSpec {
  readonly instances: number;
}

export interface PoolLimits {
  /** Runs that may wait; more are refused at once instead of late. */
  readonly queueMax: number;
  readonly loadMs: number;
  /** From request to answer; a thread that runs on for so long is replaced. */
  readonly runMs: number;
  /** Threads that may die within `crashWindowMs` before the pool gives up. */
  readonly crashesMax: number;
  readonly crashWindowMs: number;
}

export const poolLimits: PoolLimits = {
  queueMax: 256,
  loadMs: 120_000,
  runMs: 30_000,
  crashesMax: 2,
  crashWindowMs: 600_000,
};

/**
 * A process that exits while a thread is within the runtime is aborted by it: they get this long.
 */
const abandonedMs = 5000;

export interface PoolOptions {
  readonly limits?: PoolLimits;
  /** Threads died too often: the pool is of no use any more. */
  readonly onCrashLoop?: (times: number) => void;
}

export interface Pool {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** Throws `CONFLICT` when the queue is full or the pool ends, `TIMEOUT`, `SERVE_FAILED`. */
  run(feeds: Tensors): Promise<Tensors>;
  golden(path: string): Promise<GoldenResult>;
  /** Runs that wait or are under way. */
  load(): number;
  /**
   * A request that may run several times is under way; until it releases, draining waits for it.
   */
  hold(): () => void;
  /** Finishes what it has and what holds it, and frees everything. */
  drain(): Promise<void>;
}

interface Job {
  readonly feeds: Tensors;
  readonly answer: PromiseWithResolvers<Tensors>;
  readonly timer: NodeJS.Timeout;
}

interface State {
  readonly spec: PoolSpec;
  readonly limits: PoolLimits;
  readonly onCrashLoop: (times: number) => void;
  readonly live: Set<Thread>;
  readonly idle: Thread[];
  readonly queue: Job[];
  /** When threads died, the oldest first. */
  readonly crashes: number[];
  /** Threads that ran for too long, until they are gone. */
  readonly abandoned: Set<Promise<void>>;
  underway: number;
  holds: number;
  draining: boolean;
  readonly drained: PromiseWithResolvers<void>;
}

/** All threads loaded, or none: throws what the first that failed threw. */
export async function openPool(spec: PoolSpec, options: PoolOptions = {}): Promise<Pool> {
  const limits = options.limits ?? poolLimits;
  const threads = await openAll(spec, limits);
  const state = newState(spec, limits, options.onCrashLoop ?? (() => {}));
  for (const thread of threads) adopt(state, thread);
  return {
    inputs: threads[0]?.inputs ?? [],
    outputs: threads[0]?.outputs ?? [],
    load: () => state.queue.length + state.underway,
    run: (feeds) => enqueue(state, feeds),
    async golden(path) {
      const [thread] = state.live;
      if (thread) return await thread.golden(path);
      throw new FettleError('SERVE_FAILED', { model: spec.path, reason: 'no thread is left' });
    },
    hold() {
      state.holds += 1;
      return () => {
        state.holds -= 1;
        pump(state);
      };
    },
    async drain() {
      state.draining = true;
      pump(state);
      await state.drained.promise;
      await Promise.all([...state.live].map((thread) => thread.end()));
      await waitFor(state.abandoned);
    },
  };
}

function newState(spec: PoolSpec, limits: PoolLimits, onCrashLoop: State['onCrashLoop']): State {
  return {
    spec,
    limits,
    onCrashLoop,
    live: new Set(),
    idle: [],
    queue: [],
    crashes: [],
    abandoned: new Set(),
    underway: 0,
    holds: 0,
    draining: false,
    drained: Promise.withResolvers<void>(),
  };
}

async function openAll(spec: PoolSpec, limits: PoolLimits): Promise<Thread[]> {
  const opening = Array.from({ length: spec.instances }, () => openThread(spec, limits.loadMs));
  const results = await Promise.allSettled(opening);
  const threads = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = results.find((one) => one.status === 'rejected');
  if (!failed) return threads;
  await Promise.all(threads.map((thread) => thread.end()));
  throw failed.reason;
}

function enqueue(state: State, feeds: Tensors): Promise<Tensors> {
  const { limits, queue } = state;
  const answer = Promise.withResolvers<Tensors>();
  const late = state.draining && state.holds === 0;
  if (late || queue.length >= limits.queueMax) {
    const reason = late ? 'the variant is being replaced' : `${queue.length} runs wait`;
    answer.reject(new FettleError('CONFLICT', { reason }));
    return answer.promise;
  }
  const timer = setTimeout(() => {
    const at = queue.findIndex((job) => job.answer === answer);
    if (at >= 0) queue.splice(at, 1);
    answer.reject(new FettleError('TIMEOUT', { what: 'inference', timeoutMs: limits.runMs }));
    pump(state);
  }, limits.runMs);
  queue.push({ feeds, answer, timer });
  pump(state);
  return answer.promise;
}

/** Gives waiting jobs to idle threads; ends the draining when nothing is left. */
function pump(state: State): void {
  while (state.idle.length > 0 && state.queue.length > 0) {
    const thread = state.idle.pop();
    const job = state.queue.shift();
    if (thread && job) void runOn(state, thread, job);
  }
  const busy = state.holds > 0 || state.underway > 0 || state.queue.length > 0;
  if (state.draining && !busy) state.drained.resolve();
}

async function runOn(state: State, thread: Thread, job: Job): Promise<void> {
  state.underway += 1;
  const stuck = setTimeout(() => abandon(state, thread), state.limits.runMs);
  try {
    job.answer.resolve(await thread.run(job.feeds));
  } catch (thrown) {
    job.answer.reject(thrown);
  }
  clearTimeout(job.timer);
  clearTimeout(stuck);
  state.underway -= 1;
  if (state.live.has(thread)) state.idle.push(thread);
  pump(state);
}

function abandon({ abandoned }: State, thread: Thread): void {
  thread.abandon();
  const gone = thread.gone.then(() => void abandoned.delete(gone));
  abandoned.add(gone);
}

async function waitFor(abandoned: ReadonlySet<Promise<void>>): Promise<void> {
  const over = new AbortController();
  const late = sleep(abandonedMs, undefined, { signal: over.signal }).catch(() => {});
  await Promise.race([Promise.all(abandoned), late]);
  over.abort();
}

function adopt(state: State, thread: Thread): void {
  state.live.add(thread);
  state.idle.push(thread);
  void thread.ended.then(() => {
    state.live.delete(thread);
    const at = state.idle.indexOf(thread);
    if (at >= 0) state.idle.splice(at, 1);
    if (!state.draining) replace(state);
  });
  pump(state);
}

function replace(state: State): void {
  const { limits, crashes } = state;
  const nowMs = performance.now();
  crashes.push(nowMs);
  while ((crashes[0] ?? nowMs) < nowMs - limits.crashWindowMs) crashes.shift();
  if (crashes.length > limits.crashesMax) {
    giveUp(state);
    return;
  }
  openThread(state.spec, limits.loadMs).then(
    (thread) => (state.draining ? thread.end() : adopt(state, thread)),
    () => replace(state),
  );
}

function giveUp(state: State): void {
  const reason = `its thread ended ${state.crashes.length} times`;
  for (const job of state.queue.splice(0)) {
    clearTimeout(job.timer);
    job.answer.reject(new FettleError('SERVE_FAILED', { model: state.spec.path, reason }));
  }
  pump(state);
  state.onCrashLoop(state.crashes.length);
}
