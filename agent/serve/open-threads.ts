/** What a plan runs in: as many threads as it has instances, or as many pipelines of stages. */
import { openThread, type Thread, type ThreadSpec } from './thread.ts';

/** All, or none: throws what the first that failed threw. */
export async function openAll(spec: ThreadSpec, loadMs: number): Promise<Thread[]> {
  const opening = Array.from({ length: spec.plan.instances }, () => openOne(spec, loadMs));
  const results = await Promise.allSettled(opening);
  const threads = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = results.find((one) => one.status === 'rejected');
  if (!failed) return threads;
  await Promise.all(threads.map((thread) => thread.end()));
  throw failed.reason;
}

/** Cutting a graph needs code that other plans do not load. */
export async function openOne(spec: ThreadSpec, loadMs: number): Promise<Thread> {
  if (spec.plan.stages === 1) return await openThread(spec, loadMs);
  const { openPipeline } = await import('./stages/pipeline.ts');
  return await openPipeline(spec, loadMs);
}
