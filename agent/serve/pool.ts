/**
 * A variant under its plan: as many threads as the plan has instances, or as many pipelines of
 * stages, and one bounded queue before them, from which runs are taken alone or in batches. What
 * dies is replaced; what dies again and again ends the pool.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { FettleError } from '../../shared/errors.ts';
import type { GoldenResult } from '../../shared/evaluate/golden.ts';
import type { Tensors } from '../../shared/evaluate/tensor.ts';
import { emptyHistogram, type Histogram, merge } from '../../shared/histogram.ts';
import type { TensorInfo } from '../../shared/protocol/fields.ts';
import { refusal } from './admit.ts';
import { gather, isBatchable } from './gather.ts';
import { type Outcome, runGroup } from './group.ts';
import { takeIdlest } from './idle.ts';
import { type Job, openJob, type RunMarks } from './job.ts';
import { openAll, openOne } from './open-threads.ts';
import { createPace, type Pace } from './pace.ts';
import { createQueueMeter, type QueueLook, type QueueMeter } from './queue-meter.ts';
import type { Thread, ThreadSpec } from './thread.ts';
import { createTurns, type Turn, type Turns } from './turns.ts';

export interface PoolLimits {
  /** Runs that may wait; more are refused at once instead of late. */
  readonly queueMax: number;
  readonly loadMs: number;
  /** From the arrival of a request to its answer. */
  readonly answerMs: number;
  /** A thread that runs on for so long is replaced. */
  readonly runMs: number;
  /** How long the first run of a batch waits for others. */
  readonly gatherMs: number;
  /** Threads that may die within `crashWindowMs` before the pool gives up. */
  readonly crashesMax: number;
  readonly crashWindowMs: number;
}

export const poolLimits: PoolLimits = {
  queueMax: 256,
  loadMs: 120_000,
  answerMs: 30_000,
  runMs: 30_000,
  gatherMs: 2,
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

/** What the request of a run says about it. */
export interface Asking {
  /** By `performance.now()`; where nothing is said, `answerMs` from now. */
  readonly deadlineMs?: number;
  /** Aborted, with the error as its reason, when nobody waits for the answer any more. */
  readonly signal?: AbortSignal;
  readonly marks?: RunMarks | null;
}

export interface Pool {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /**
   * Throws `BUSY` when the queue is full, when it is so long that the deadline would pass, or when
   * the pool ends; `DEADLINE_PASSED`, `TIMEOUT`, `SERVE_FAILED`, and the reason of the signal.
   */
  run(feeds: Tensors, asking?: Asking): Promise<Tensors>;
  /** From the arrival of a request to its deadline. */
  readonly answerMs: number;
  golden(path: string): Promise<GoldenResult>;
  /** Milliseconds of runs in the runtime since the last call. */
  takeRuns(): Histogram;
  /** Waiting runs and batches since the last call. */
  takeQueue(): QueueLook;
  /** Runs that wait or are under way. */
  load(): number;
  /**
   * A request that may run several times is under way; until it releases, draining waits for it.
   */
  hold(): () => void;
  /** Finishes what it has and what holds it, and frees everything. */
  drain(): Promise<void>;
}

interface State {
  readonly spec: ThreadSpec;
  readonly limits: PoolLimits;
  readonly onCrashLoop: (times: number) => void;
  /** Rows of one run at most. */
  readonly batch: number;
  /** Runs while a batch waits to be filled. */
  gathering: NodeJS.Timeout | null;
  readonly live: Set<Thread>;
  /** Each is here once for every run that it can take. */
  readonly idle: Thread[];
  readonly queue: Job[];
  readonly queued: QueueMeter;
  readonly pace: Pace;
  readonly turns: Turns<Thread>;
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
export async function openPool(spec: ThreadSpec, options: PoolOptions = {}): Promise<Pool> {
  const limits = options.limits ?? poolLimits;
  const threads = await openAll(spec, limits.loadMs);
  const batch = batchOf(spec, threads);
  const { runMs } = limits;
  const state: State = {
    ...newState(spec, limits, batch),
    turns: createTurns({ runMs, onStuck: (thread, turn) => abandon(state, thread, turn) }),
    onCrashLoop: options.onCrashLoop ?? (() => {}),
  };
  for (const thread of threads) adopt(state, thread);
  return {
    inputs: threads[0]?.inputs ?? [],
    outputs: threads[0]?.outputs ?? [],
    takeQueue: state.queued.take,
    load: () => state.queue.length + state.underway,
    run: (feeds, asking) => enqueue(state, feeds, asking),
    answerMs: limits.answerMs,
    async golden(path) {
      const [thread] = state.live;
      if (thread) return await thread.golden(path);
      throw new FettleError('SERVE_FAILED', { model: spec.path, reason: 'no thread is left' });
    },
    takeRuns: () =>
      [...state.live].map((thread) => thread.takeRuns()).reduce(merge, emptyHistogram()),
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

/** A model whose leading axis is not open runs what it is given alone, whatever the plan says. */
function batchOf({ plan }: ThreadSpec, [first]: readonly Thread[]): number {
  return first && isBatchable(first) ? plan.batch : 1;
}

function newState(spec: ThreadSpec, limits: PoolLimits, batch: number) {
  return {
    ...{ spec, limits, batch, gathering: null },
    live: new Set<Thread>(),
    idle: [],
    queue: [],
    queued: createQueueMeter(batch > 1),
    pace: createPace(),
    crashes: [],
    abandoned: new Set<Promise<void>>(),
    underway: 0,
    holds: 0,
    draining: false,
    drained: Promise.withResolvers<void>(),
  };
}

function enqueue(state: State, feeds: Tensors, asking: Asking = {}): Promise<Tensors> {
  const { limits, queue } = state;
  const { signal = null, marks = null } = asking;
  const { answerMs } = limits;
  const deadlineMs = asking.deadlineMs ?? performance.now() + answerMs;
  if (signal?.aborted) return Promise.reject(signal.reason);
  const { underway, live } = state;
  const refused = refusal({
    ...{ answerMs, queueMax: limits.queueMax, leftMs: deadlineMs - performance.now() },
    ...{ waiting: queue.length, ends: state.draining && state.holds === 0 },
    waitMs: state.pace.leastWaitMs({ ahead: queue.length + underway, threads: live.size }),
  });
  if (refused !== null) return Promise.reject(refused);
  const onLeft = (job: Job) => {
    const at = queue.indexOf(job);
    if (at >= 0) queue.splice(at, 1);
    pump(state);
  };
  const job = openJob({ feeds, deadlineMs, answerMs, signal, marks, onLeft });
  queue.push(job);
  pump(state);
  // What an idle thread took at once has not waited.
  state.queued.waiting(queue.length);
  return job.answer.promise;
}

/** Gives waiting jobs to idle threads; ends the draining when nothing is left. */
function pump(state: State): void {
  const { idle, queue, limits, batch } = state;
  while (idle.length > 0 && queue.length > 0) {
    const gatherMs = state.draining ? 0 : limits.gatherMs;
    const found = gather(queue, { batch, gatherMs, nowMs: performance.now() });
    if ('waitMs' in found) {
      state.gathering ??= setTimeout(() => {
        state.gathering = null;
        pump(state);
      }, Math.ceil(found.waitMs));
      break;
    }
    const thread = takeIdlest(idle);
    if (thread) void runOn(state, thread, queue.splice(0, found.count));
  }
  const busy = state.holds > 0 || state.underway > 0 || queue.length > 0;
  if (state.draining && !busy) state.drained.resolve();
}

async function runOn(state: State, thread: Thread, jobs: readonly Job[]): Promise<void> {
  state.underway += jobs.length;
  state.queued.went(jobs.length);
  const turn = state.turns.add(thread, jobs);
  const outcomes = await runGroup(thread, jobs);
  const ranMs = state.turns.end(thread, turn);
  state.underway -= jobs.length;
  for (const [at, job] of jobs.entries()) settle(job, outcomes[at]);
  const whole = outcomes.every(({ status }) => status === 'fulfilled');
  if (whole && ranMs !== null) state.pace.ran(ranMs / jobs.length);
  if (state.live.has(thread)) state.idle.push(thread);
  pump(state);
}

function settle(job: Job, outcome: Outcome | undefined): void {
  if (outcome?.status === 'fulfilled') job.resolve(outcome.value);
  else job.reject(outcome?.reason);
}

function abandon({ abandoned, limits }: State, thread: Thread, { jobs }: Turn): void {
  const error = new FettleError('TIMEOUT', { what: 'inference', timeoutMs: limits.runMs });
  for (const job of jobs) job.reject(error);
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
  for (let run = 0; run < thread.depth; run++) state.idle.push(thread);
  void thread.ended.then(() => {
    state.live.delete(thread);
    state.idle.splice(0, Infinity, ...state.idle.filter((one) => one !== thread));
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
  openOne(state.spec, limits.loadMs).then(
    (thread) => (state.draining ? thread.end() : adopt(state, thread)),
    () => replace(state),
  );
}

function giveUp(state: State): void {
  const reason = `its thread ended ${state.crashes.length} times`;
  for (const job of state.queue.splice(0)) {
    job.reject(new FettleError('SERVE_FAILED', { model: state.spec.path, reason }));
  }
  pump(state);
  state.onCrashLoop(state.crashes.length);
}
