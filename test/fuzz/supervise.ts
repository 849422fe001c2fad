/** A child that may crash, hang or eat memory, and is then replaced; each is a finding. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { peakResidentMiB } from '../../shared/process-memory.ts';
import type { Job, Outcome } from './child.ts';

export interface Limits {
  readonly seconds: number;
  readonly memoryMiB: number;
}

export type Verdict =
  | { readonly ended: 'outcome'; readonly outcome: Outcome; readonly seconds: number }
  | { readonly ended: 'crash' | 'hang' | 'memory'; readonly detail: string };

export interface Supervisor {
  run(job: Job): Promise<Verdict>;
  stop(): void;
  /** The most memory any child ever held. */
  readonly peakMiB: () => number;
}

/**
 * A child is replaced after so many jobs, so that the runtime's own leak is not taken for a
 * finding.
 */
const jobsOfAChild = 200;

export function supervise(limits: Limits): Supervisor {
  let child: ChildProcess | null = null;
  let jobs = 0;
  let peak = 0;

  async function run(job: Job): Promise<Verdict> {
    if (child === null || jobs >= jobsOfAChild) restart();
    const running = child ?? restart();
    // The time that Node takes to start is nobody's.
    if (jobs === 0) await Promise.race([once(running, 'message'), once(running, 'exit')]);
    jobs += 1;
    const start = performance.now();
    running.send(job);
    const stop = new AbortController();
    const { signal } = stop;
    const verdict = await Promise.race([
      once(running, 'message', { signal }).then(([outcome]: Outcome[]) => ended(outcome, start)),
      once(running, 'exit', { signal }).then(([code, by]) => crash(`${code ?? by}`)),
      expiry(limits.seconds, signal),
    ]).finally(() => stop.abort());
    return judge(running, verdict);
  }

  function judge(running: ChildProcess, verdict: Verdict): Verdict {
    const memoryMiB = peakResidentMiB(running.pid);
    peak = Math.max(peak, memoryMiB);
    if (verdict.ended !== 'outcome') restart();
    if (memoryMiB <= limits.memoryMiB) return verdict;
    restart();
    return { ended: 'memory', detail: `${Math.round(memoryMiB)} MiB` };
  }

  function restart(): ChildProcess {
    child?.kill('SIGKILL');
    jobs = 0;
    child = fork(join(import.meta.dirname, 'child.ts'), { stdio: ['ignore', 'ignore', 2, 'ipc'] });
    return child;
  }

  return { run, stop: () => child?.kill('SIGKILL'), peakMiB: () => peak };
}

function ended(outcome: Outcome | undefined, start: number): Verdict {
  if (!outcome) return crash('no outcome');
  return { ended: 'outcome', outcome, seconds: (performance.now() - start) / 1000 };
}

function crash(detail: string): Verdict {
  return { ended: 'crash', detail };
}

function expiry(seconds: number, signal: AbortSignal): Promise<Verdict> {
  return new Promise((resolve) => {
    const timer = setTimeout(
      () => resolve({ ended: 'hang', detail: `more than ${seconds} s` }),
      seconds * 1000,
    );
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  });
}
