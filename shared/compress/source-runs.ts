/** What a source gives on a few samples: what everything that is made of it is held against. */
import { FettleError } from '../errors.ts';
import { batches, openDataSet } from '../evaluate/dataset.ts';
import { findRandomFeeds } from '../evaluate/random-feeds.ts';
import { openSession, type Session } from '../evaluate/runtime.ts';
import type { Tensors } from '../evaluate/tensor.ts';
import type { FileRequest } from './request.ts';
import { inputsOf, type Source } from './source.ts';

const samplesMax = 4;

export interface SourceRuns {
  readonly samples: readonly Tensors[];
  readonly results: readonly Tensors[];
}

/**
 * On a few calibration samples, else on made inputs; a sentence where it runs on none of those.
 * Throws `MODEL_UNRUNNABLE` where the runtime does not open it or the samples fail.
 */
export async function sourceRuns(
  source: Source,
  { modelPath, calibrationPath, manifest }: FileRequest,
): Promise<SourceRuns | string> {
  const { bytes } = source;
  const session = await openSession(bytes, { threads: 1, spinning: false, name: modelPath });
  try {
    const given = calibrationPath && (await samplesOf(source, calibrationPath, manifest));
    if (!given) return await onMadeInputs(session);
    return { samples: given, results: await runEach(session, given) };
  } finally {
    await session.release();
  }
}

/** null where the data does not fit: a recipe that needs it says so, the others do without. */
async function samplesOf(
  { model }: Source,
  path: string,
  manifest: FileRequest['manifest'],
): Promise<readonly Tensors[] | null> {
  try {
    const inputs = inputsOf(model);
    const dataSet = await openDataSet(path, { inputs, preparation: manifest?.inputs });
    const samples: Tensors[] = [];
    for await (const { feeds } of batches(dataSet, { limit: samplesMax })) samples.push(feeds);
    return samples;
  } catch (thrown) {
    if (thrown instanceof FettleError && thrown.code === 'DATA_MISMATCH') return null;
    throw thrown;
  }
}

async function onMadeInputs(session: Session): Promise<SourceRuns | string> {
  try {
    const samples = [await findRandomFeeds(session, 1)];
    return { samples, results: await runEach(session, samples) };
  } catch (thrown) {
    if (!(thrown instanceof FettleError)) throw thrown;
    return `Not compared with the source, which runs on no made input: ${thrown.details.reason}.`;
  }
}

export async function runEach(session: Session, samples: readonly Tensors[]): Promise<Tensors[]> {
  const results: Tensors[] = [];
  for (const feeds of samples) results.push(await session.run(feeds));
  return results;
}
