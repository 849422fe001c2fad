/** Runs several jobs as one run of the model, and finds each one's own rows. */
import type { Tensors } from '../../shared/evaluate/tensor.ts';
import { stack, unstack, type Waiting } from './gather.ts';
import type { Thread } from './thread.ts';

/** Moments of a run that somebody follows, by `performance.now()`. */
export interface RunMarks {
  startedMs: number | null;
  endedMs: number | null;
}

export interface Job extends Waiting {
  readonly marks?: RunMarks;
  readonly answer: PromiseWithResolvers<Tensors>;
  readonly timer: NodeJS.Timeout;
}

export type Outcome = PromiseSettledResult<Tensors>;

/** The outcome of each job. What fails together is run again, each alone. */
export async function runGroup(thread: Thread, jobs: readonly Job[]): Promise<Outcome[]> {
  const together = jobs.length > 1 ? await runTogether(thread, jobs) : null;
  return together ?? (await Promise.allSettled(jobs.map(({ feeds }) => thread.run(feeds))));
}

async function runTogether(thread: Thread, jobs: readonly Job[]): Promise<Outcome[] | null> {
  const parts = jobs.map(({ feeds }) => feeds);
  try {
    const answers = unstack(await thread.run(stack(parts)), parts);
    return answers?.map((value) => ({ status: 'fulfilled', value })) ?? null;
  } catch {
    return null;
  }
}

export function mark(jobs: readonly Job[], moment: keyof RunMarks): void {
  for (const { marks } of jobs) if (marks) marks[moment] = performance.now();
}

export function settle({ answer, timer }: Job, outcome: Outcome | undefined): void {
  clearTimeout(timer);
  if (outcome?.status === 'fulfilled') answer.resolve(outcome.value);
  else answer.reject(outcome?.reason);
}
