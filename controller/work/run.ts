/** Runs one job in a process of its own, within a time and a memory, and tells how it ended. */
import { type ChildProcess, fork } from 'node:child_process';
import { extname } from 'node:path';
import * as v from 'valibot';
import { FettleError, reasonOf } from '../../shared/errors.ts';
import { encodeJson } from '../../shared/json.ts';
import { residentMiB } from '../../shared/process-memory.ts';
import { Answer, type Job } from './messages.ts';

export interface WorkOptions {
  readonly timeoutMs: number;
  readonly memoryMib: number;
  readonly signal: AbortSignal;
  /** Another program than our worker, for who tests what becomes of that. */
  readonly module?: URL;
  /** Everything the worker says, in order, its last word too. */
  readonly onAnswer: (answer: Answer) => void;
}

export interface WorkEnd {
  /**
   * How the process ended without a last word, by no deed of ours: it may be tried again. null when
   * the job is done.
   */
  readonly lost: string | null;
}

/** After one of these a job is done. */
const lastWords: readonly Answer['type'][] = ['measured', 'compared', 'built'];

const memoryCheckMs = 500;

/**
 * Throws what the job failed with, and `VARIANT_FAILED` where it took too long or too much memory.
 */
export async function runJob(job: Job, options: WorkOptions): Promise<WorkEnd> {
  options.signal.throwIfAborted();
  const order = encodeJson(job);
  // TypeScript in a checkout, JavaScript in `dist/`.
  const extension = extname(import.meta.filename).slice(1);
  const own = new URL(`./worker.${extension}`, import.meta.url);
  const child = fork(options.module ?? own, {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: [`--max-old-space-size=${options.memoryMib}`],
  });
  const { promise, resolve, reject } = Promise.withResolvers<WorkEnd>();
  const kill = (reason: unknown) => {
    reject(reason);
    child.kill('SIGKILL');
  };
  const fail = (reason: string) =>
    kill(new FettleError('VARIANT_FAILED', { recipe: nameOf(job), reason }));
  const onAbort = () => kill(options.signal.reason);
  options.signal.addEventListener('abort', onAbort);
  const timer = setTimeout(
    () => fail(`it took longer than ${options.timeoutMs / 1000} s`),
    options.timeoutMs,
  );
  const watch = watchMemory(child, options.memoryMib, fail);
  child.on('message', (message) => {
    try {
      const answer = v.parse(Answer, JSON.parse(String(message)));
      options.onAnswer(answer);
      if (lastWords.some((type) => type === answer.type)) resolve({ lost: null });
      if (answer.type === 'failed') reject(new FettleError(answer.code, answer.details));
    } catch (thrown) {
      fail(`its worker said what was not expected: ${reasonOf(thrown)}`);
    }
  });
  child.on('error', reject);
  child.on('exit', (code, signal) => resolve({ lost: String(signal ?? `exit code ${code}`) }));
  child.send(order);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    clearInterval(watch);
    options.signal.removeEventListener('abort', onAbort);
    if (child.connected) child.disconnect();
  }
}

function nameOf(job: Job): string {
  return job.kind === 'measure' ? 'source' : `of ${job.files.manifest.name}`;
}

/**
 * The runtime's memory is outside JavaScript's heap, so that only the whole process can be bounded.
 */
function watchMemory(
  child: ChildProcess,
  memoryMib: number,
  onExceeded: (reason: string) => void,
): NodeJS.Timeout {
  return setInterval(() => {
    const exceeded = residentMiB(child.pid) > memoryMib;
    if (exceeded) onExceeded(`it took more than ${memoryMib} MiB of memory`);
  }, memoryCheckMs);
}
