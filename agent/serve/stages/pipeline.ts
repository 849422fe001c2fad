/**
 * Model parallel: the stages of one variant, each a session in a thread of its own. While the
 * second stage is at work on one run, the first is at work on the next. Values are moved from
 * thread to thread, not copied.
 */
import { MessageChannel, Worker } from 'node:worker_threads';
import { FettleError } from '../../../shared/errors.ts';
import { checkGolden } from '../../../shared/evaluate/golden.ts';
import type { Tensors } from '../../../shared/evaluate/tensor.ts';
import { emptyHistogram } from '../../../shared/histogram.ts';
import {
  type Asked,
  buffersOf,
  failed,
  leave,
  put,
  type Thread,
  type ThreadSpec,
  take,
} from '../thread.ts';
import { withStages } from './cut.ts';
import type { CutAnswer, FromStage, ToStage } from './protocol.ts';
import type { StageWork } from './stage.ts';

/** Throws `SERVE_FAILED` where the variant cannot be cut, or a stage does not load. */
export async function openPipeline(spec: ThreadSpec, timeoutMs: number): Promise<Thread> {
  const runs: Asked<Tensors> = new Map();
  const ended = Promise.withResolvers<void>();
  return await withStages(spec, timeoutMs, async (cut) => {
    const workers = startStages(spec, cut);
    const all = { spec, workers, runs, ended };
    listen(all);
    await openAll(all, timeoutMs);
    return pipelineOf(all, cut);
  });
}

interface Pipeline {
  readonly spec: ThreadSpec;
  readonly workers: readonly Worker[];
  readonly runs: Asked<Tensors>;
  /** Resolves when any stage has ended: the others are of no use alone. */
  readonly ended: PromiseWithResolvers<void>;
}

function startStages(spec: ThreadSpec, cut: CutAnswer): Worker[] {
  const extension = import.meta.filename.endsWith('.ts') ? 'ts' : 'js';
  const file = new URL(`./stage.${extension}`, import.meta.url);
  const channels = cut.stages.slice(1).map(() => new MessageChannel());
  return cut.stages.map(({ path, inputs, carries }, at) => {
    const from = channels[at - 1]?.port2 ?? null;
    const to = channels[at]?.port1 ?? null;
    const outputs = cut.outputs.map(({ name }) => name);
    const work: StageWork = { path, plan: spec.plan, inputs, carries, outputs, from, to };
    const transferList = [from, to].filter((port) => port !== null);
    return new Worker(file, { workerData: work, transferList, name: `fettle-stage-${at}` });
  });
}

function listen({ spec, workers, runs, ended }: Pipeline): void {
  const over = (reason: string) => {
    ended.resolve();
    for (const run of runs.values()) run.reject(failed(spec, reason));
    runs.clear();
  };
  for (const worker of workers) {
    worker.on('message', (message: FromStage) => {
      if (message.kind === 'ran') take(runs, message.id)?.resolve(message.outputs);
      if (message.kind === 'failed') {
        take(runs, message.id)?.reject(failed(spec, message.error.message));
      }
    });
    worker.on('error', (error) => over(error.message));
    worker.on('exit', (code) => over(`the thread of a stage ended with code ${code}`));
  }
}

async function openAll({ spec, workers }: Pipeline, timeoutMs: number): Promise<void> {
  const late = Promise.withResolvers<never>();
  const reason = `it did not load within ${timeoutMs} ms`;
  const timer = setTimeout(() => late.reject(failed(spec, reason)), timeoutMs);
  try {
    await Promise.race([late.promise, Promise.all(workers.map((worker) => opened(spec, worker)))]);
  } catch (thrown) {
    for (const worker of workers) leave(worker);
    throw thrown;
  } finally {
    clearTimeout(timer);
  }
}

function opened(spec: ThreadSpec, worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.once('message', (message: FromStage) => {
      if (message.kind === 'open') resolve();
      else reject(failed(spec, message.kind === 'unopened' ? message.error.message : message.kind));
    });
    worker.once('exit', (code) => reject(failed(spec, `a stage ended with code ${code}`)));
  });
}

function pipelineOf(all: Pipeline, { inputs, outputs }: CutAnswer): Thread {
  const { spec, workers, runs, ended } = all;
  const gone = Promise.all(workers.map((worker) => exitOf(worker))).then(() => {});
  const last = { id: 0 };
  const run = (feeds: Tensors) => {
    const id = last.id++;
    const message: ToStage = { kind: 'run', id, values: feeds };
    workers[0]?.postMessage(message, buffersOf(feeds));
    return put(runs, id);
  };
  const endAll = () => {
    for (const worker of workers) worker.postMessage({ kind: 'end' } satisfies ToStage);
  };
  // A stage that died takes the others with it.
  ended.promise.then(endAll);
  return {
    ...{ inputs, outputs, run, gone },
    // One run a stage, and one that waits at the first.
    depth: workers.length + 1,
    takeRuns: emptyHistogram,
    ended: ended.promise,
    golden(path) {
      const release = async () => {};
      const copied = { inputs, outputs, release, run: (feeds: Tensors) => run(copyOf(feeds)) };
      return checkGolden(copied, path);
    },
    async end() {
      endAll();
      await gone;
    },
    abandon() {
      for (const worker of workers) leave(worker);
      ended.resolve();
      const error = new FettleError('SERVE_FAILED', {
        model: spec.path,
        reason: 'it ran too long',
      });
      for (const one of runs.values()) one.reject(error);
      runs.clear();
    },
  };
}

/** In memory of its own, to be moved. */
function copyOf(tensors: Readonly<Tensors>): Tensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, one]) => [name, { ...one, data: one.data.slice() }]),
  );
}

function exitOf(worker: Worker): Promise<void> {
  return new Promise((resolve) => worker.once('exit', () => resolve()));
}
