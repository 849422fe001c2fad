/**
 * Two versions of a model on one data set: how far they agree, and how good the earlier one is by
 * the metric of the later one.
 */
import type { Progress } from '../variants.ts';
import { sampleAgrees } from './agreement.ts';
import { batches, type DataSet, openDataSet } from './dataset.ts';
import type { InputPreparation } from './manifest.ts';
import { argmax, isAmongTop, type Metric, metricTable } from './metrics.ts';
import { samplesOf } from './quality.ts';
import { openSession, type Session } from './runtime.ts';

/** A version as it is run: stored values become its inputs in its own way. */
export interface VersionRun {
  readonly modelPath: string;
  readonly preparation?: Readonly<Record<string, InputPreparation>> | undefined;
}

export interface VersionsRequest {
  readonly next: VersionRun;
  readonly before: VersionRun;
  /** The evaluation set of the later one. */
  readonly dataPath: string;
  readonly metric: Metric;
  readonly threads: number;
  readonly onProgress?: (progress: Progress) => void;
}

export interface VersionsMeasured {
  readonly samples: number;
  /** The share of samples that both answer alike; null where their outputs have other shapes. */
  readonly agreement: number | null;
  /** The metric's value of the earlier one; null where the metric needs no labels. */
  readonly before: number | null;
}

/**
 * Throws `MODEL_UNRUNNABLE`, and `DATA_MISMATCH` where the data set does not fit the inputs of one
 * of them.
 */
export async function measureVersions(request: VersionsRequest): Promise<VersionsMeasured> {
  const { next, before, dataPath, threads } = request;
  const sessions: Session[] = [];
  const open = async ({ modelPath, preparation }: VersionRun) => {
    const session = await openSession(modelPath, { threads });
    sessions.push(session);
    const dataSet = await openDataSet(dataPath, { inputs: session.inputs, preparation });
    return { session, dataSet };
  };
  try {
    return await count(request, { next: await open(next), before: await open(before) });
  } finally {
    for (const session of sessions) await session.release();
  }
}

interface Opened {
  readonly session: Session;
  readonly dataSet: DataSet;
}

async function count(
  { metric, onProgress }: VersionsRequest,
  { next, before }: { readonly next: Opened; readonly before: Opened },
): Promise<VersionsMeasured> {
  const total = next.dataSet.samples;
  const labels = metricTable[metric].labels ? next.dataSet.labels : null;
  const step = Math.max(1, Math.floor(total / 100));
  const seen = { samples: 0, agreed: 0, right: 0, alike: true };
  for await (const [own, other] of pairsOf(answersOf(next), answersOf(before))) {
    const label = labels?.[seen.samples] ?? -1;
    if (isRight(metric, other[0] ?? [], label)) seen.right += 1;
    if (sampleAgrees(other, own, metric)) seen.agreed += 1;
    seen.alike &&= shapesOf(own) === shapesOf(other);
    seen.samples += 1;
    if (seen.samples % step === 0 || seen.samples === total) {
      onProgress?.({ what: 'comparing', done: seen.samples, total, unit: 'samples' });
    }
  }
  const { samples, agreed, right, alike } = seen;
  return {
    samples,
    agreement: alike && samples > 0 ? agreed / samples : null,
    before: labels === null || samples === 0 ? null : right / samples,
  };
}

type Answers = readonly ArrayLike<number>[];

/** Sample by sample, whatever the batch of the model. */
async function* answersOf({ session, dataSet }: Opened): AsyncGenerator<Answers, undefined> {
  for await (const batch of batches(dataSet)) yield* await samplesOf(session, batch, dataSet);
  return undefined;
}

async function* pairsOf(
  ones: AsyncGenerator<Answers, undefined>,
  others: AsyncGenerator<Answers, undefined>,
): AsyncGenerator<readonly [Answers, Answers]> {
  try {
    for await (const one of ones) {
      const { value: other } = await others.next();
      if (other === undefined) return;
      yield [one, other];
    }
  } finally {
    await others.return(undefined);
  }
}

/** A class that the version does not know is a wrong answer. */
function isRight(metric: Metric, values: ArrayLike<number>, label: number): boolean {
  if (label < 0 || label >= values.length) return false;
  return metric === 'top5' ? isAmongTop(values, label, 5) : argmax(values) === label;
}

function shapesOf(outputs: readonly ArrayLike<number>[]): string {
  return outputs.map(({ length }) => length).join();
}
