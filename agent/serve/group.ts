/** Runs several jobs as one run of the model, and finds each one's own rows. */
import type { Tensors } from '../../shared/evaluate/tensor.ts';
import { stack, unstack } from './gather.ts';
import type { Job } from './job.ts';
import type { Thread } from './thread.ts';

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
