/** Two versions of a model on the evaluation set of the later one: runs in a worker process. */
import { availableParallelism } from 'node:os';
import { FettleError } from '../../shared/errors.ts';
import { measureVersions } from '../../shared/evaluate/versions.ts';
import type { Answer, Files, Job } from './messages.ts';

/** Sends how far they agree. Throws what the earlier one's inputs do not fit. */
export async function compareVersions(
  { files, before, metric }: Extract<Job, { kind: 'compare' }>,
  send: (answer: Answer) => Promise<void>,
): Promise<void> {
  if (files.evaluationPath === null) {
    throw new FettleError('METRIC_IMPOSSIBLE', { metric, reason: 'there is no evaluation data' });
  }
  const measured = await measureVersions({
    next: runOf(files),
    before: runOf(before),
    dataPath: files.evaluationPath,
    metric,
    threads: availableParallelism(),
    onProgress: (progress) => void send({ type: 'progress', progress }),
  });
  await send({ type: 'compared', ...measured });
}

function runOf({ modelPath, manifest }: Files) {
  return { modelPath, preparation: manifest.inputs };
}
