/** Runs a model over a data set and says how good it is, alone or against its source. */

import { FettleError } from '../errors.ts';
import { own as entryOf } from '../own.ts';
import type { Quality } from '../protocol/tuning.ts';
import type { Progress } from '../variants.ts';
import { type Batch, batches, type DataSet, openDataSet } from './dataset.ts';
import { openExact } from './exact.ts';
import type { InputPreparation } from './manifest.ts';
import {
  argmax,
  isAmongTop,
  type Metric,
  meanSquaredDifference,
  metricTable,
  noiseRatio,
  splitSamples,
} from './metrics.ts';
import { type Outcome, qualityOf, requireLabels, sourceQuality } from './outcome.ts';
import type { Session } from './runtime.ts';

export interface Measurement {
  readonly modelPath: string;
  readonly dataPath: string;
  readonly preparation?: Readonly<Record<string, InputPreparation>> | undefined;
  readonly metric: Metric;
  readonly threads: number;
  /** Measure on the first samples only. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/**
 * What the measured model is compared with: the source's file, and its outcome where that is known.
 */
export interface Reference {
  readonly path: string;
  readonly outcome?: Outcome | undefined;
}

/** Scores of the source itself, to be kept: `measureQuality` takes them for every variant. */
export async function measureSource(measurement: Measurement): Promise<Outcome> {
  return measure(measurement, null);
}

/**
 * How good the variant is against its source on the same samples. The source is run only where its
 * outcome is not given or the metric needs its whole outputs. Throws `METRIC_IMPOSSIBLE`,
 * `MODEL_UNRUNNABLE` and what `openDataSet` throws; an aborted signal throws its reason.
 */
export async function measureQuality(
  measurement: Measurement & { source: Reference },
): Promise<{ quality: Quality; outcome: Outcome; source: Outcome }> {
  const { source: reference, ...rest } = measurement;
  const source = reference.outcome ?? (await measureSource({ ...rest, modelPath: reference.path }));
  if (reference.path === rest.modelPath) {
    return { quality: sourceQuality(source), outcome: source, source };
  }
  const outcome = await measure(rest, { ...reference, outcome: source });
  return { quality: qualityOf(outcome, source), outcome, source };
}

async function measure(measurement: Measurement, reference: Reference | null): Promise<Outcome> {
  const { metric, modelPath, threads } = measurement;
  const compared = reference !== null && metricTable[metric].reference === 'output';
  const sessions = [await openExact(modelPath, { threads })];
  try {
    if (compared) sessions.push(await openExact(reference.path, { threads }));
    const [session, other = null] = sessions;
    if (session === undefined) throw new TypeError('no session');
    const dataSet = await openDataSet(measurement.dataPath, {
      inputs: session.inputs,
      preparation: measurement.preparation,
    });
    requireLabels(metric, dataSet.labels !== null);
    return await score({ measurement, dataSet, session, other, source: reference?.outcome });
  } finally {
    for (const session of sessions) await session.release();
  }
}

interface Scoring {
  readonly measurement: Measurement;
  readonly dataSet: DataSet;
  readonly session: Session;
  readonly other: Session | null;
  readonly source: Outcome | undefined;
}

async function score(scoring: Scoring): Promise<Outcome> {
  const { measurement, dataSet } = scoring;
  const total = Math.min(dataSet.samples, measurement.limit ?? dataSet.samples);
  const step = Math.max(1, Math.floor(total / 100));
  const scores: number[] = [];
  const classes: number[] = [];
  for await (const batch of batches(dataSet, { limit: total })) {
    measurement.signal?.throwIfAborted();
    for (const sample of await runBatch(scoring, batch)) {
      const index = scores.length;
      scores.push(scoreOf(scoring, sample, index));
      classes.push(argmax(sample.outputs[0] ?? []));
      if (scores.length % step === 0 || scores.length === total) {
        const progress = {
          what: 'evaluating',
          done: scores.length,
          total,
          unit: 'samples',
        } as const;
        measurement.onProgress?.(progress);
      }
    }
  }
  return { v: 1, metric: measurement.metric, samples: scores.length, scores, classes };
}

/** The outputs of one sample, in the order of the model's outputs. */
interface Sample {
  readonly outputs: readonly ArrayLike<number>[];
  readonly reference: readonly ArrayLike<number>[];
}

async function runBatch({ session, other, dataSet }: Scoring, batch: Batch): Promise<Sample[]> {
  const outputs = await samplesOf(session, batch, dataSet);
  const reference = other === null ? null : await samplesOf(other, batch, dataSet);
  return outputs.map((sample, at) => ({ outputs: sample, reference: reference?.[at] ?? [] }));
}

/** What the model answers to each sample of a run, in the order of its outputs. */
export async function samplesOf(session: Session, batch: Batch, dataSet: DataSet) {
  const results = await session.run(batch.feeds);
  const size = dataSet.batchVaries ? batch.count : dataSet.batch;
  const split = session.outputs.flatMap(({ name, type }) => {
    const tensor = entryOf(results, name);
    if (tensor === undefined || type === 'string') return [];
    return [splitSamples(tensor, { count: batch.count, batch: size })];
  });
  return Array.from({ length: batch.count }, (_, at) => split.map((parts) => parts[at] ?? []));
}

function scoreOf(scoring: Scoring, { outputs, reference }: Sample, index: number): number {
  const { measurement, source, dataSet } = scoring;
  const values = outputs[0] ?? [];
  switch (measurement.metric) {
    case 'top1':
      return argmax(values) === labelOf(dataSet, index, values.length) ? 1 : 0;
    case 'top5':
      return isAmongTop(values, labelOf(dataSet, index, values.length), 5) ? 1 : 0;
    case 'agreement':
      return source === undefined || source.classes[index] === argmax(values) ? 1 : 0;
    case 'sqnr':
      return Math.max(0, ...reference.map((own, at) => noiseRatio(outputs[at] ?? [], own)));
    case 'mse':
      return Math.max(
        0,
        ...reference.map((own, at) => meanSquaredDifference(outputs[at] ?? [], own)),
      );
  }
}

function labelOf(dataSet: DataSet, index: number, classes: number): number {
  const label = dataSet.labels?.[index] ?? -1;
  if (label >= 0 && label < classes) return label;
  throw new FettleError('DATA_MISMATCH', {
    path: dataSet.path,
    name: 'labels',
    expected: `classes from 0 to ${classes - 1}`,
    got: `${label} for sample ${index}`,
  });
}
