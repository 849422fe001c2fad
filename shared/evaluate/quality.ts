/** Runs a model over a data set and says how good it is, alone or against its source. */
import { own as entryOf } from '../own.ts';
import type { TensorInfo } from '../protocol/fields.ts';
import type { Quality } from '../protocol/tuning.ts';
import type { Progress } from '../variants.ts';
import { answerOf, isMany } from './answer.ts';
import { type Batch, batches, type DataSet, openDataSet } from './dataset.ts';
import { openExact } from './exact.ts';
import type { InputPreparation, Manifest } from './manifest.ts';
import { type Metric, metricTable, splitSamples } from './metrics.ts';
import { chooseMetric, type Outcome, qualityOf, requireLabels, sourceQuality } from './outcome.ts';
import type { Session } from './runtime.ts';
import { type Sample, type Scoring, scoringOf } from './scoring.ts';

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

/**
 * The metric a package is judged by: as `chooseMetric`, but that a model of one number without
 * labels is judged by its noise, as it names no class to agree on.
 */
export async function metricFor(
  manifest: Manifest,
  { labels, modelPath }: { readonly labels: boolean; readonly modelPath: string },
): Promise<ReturnType<typeof chooseMetric>> {
  const chosen = chooseMetric(manifest, labels);
  if (manifest.quality !== undefined || labels) return chosen;
  const session = await openExact(modelPath, { threads: 1 });
  const { kind } = answerOf(numeric(session), { batch: 1, batchVaries: true });
  await session.release();
  if (kind !== 'number') return chosen;
  return { metric: 'sqnr', reason: 'the data set has no labels, and the model answers one number' };
}

async function measure(measurement: Measurement, reference: Reference | null): Promise<Outcome> {
  const { metric, modelPath, threads } = measurement;
  const sessions = [await openExact(modelPath, { threads })];
  try {
    const [session] = sessions;
    if (session === undefined) throw new TypeError('no session');
    const dataSet = await openDataSet(measurement.dataPath, {
      inputs: session.inputs,
      preparation: measurement.preparation,
    });
    const { labels, path } = dataSet;
    requireLabels(metric, labels !== null);
    const answer = answerOf(numeric(session), dataSet);
    // Classes of a whole sample are kept with the source's outcome; more than one are not.
    const beside = metricTable[metric].reference === 'output' || isMany(answer);
    if (reference !== null && beside) sessions.push(await openExact(reference.path, { threads }));
    const source = reference === null ? null : (reference.outcome ?? null);
    const scoring = scoringOf({ metric, answer, labels, path, source });
    return await score(scoring, { measurement, dataSet, session, other: sessions[1] ?? null });
  } finally {
    for (const session of sessions) await session.release();
  }
}

/** Outputs that hold numbers, as `samplesOf` hands them over. */
function numeric({ outputs }: Session): TensorInfo[] {
  return outputs.filter(({ type }) => type !== 'string');
}

interface Run {
  readonly measurement: Measurement;
  readonly dataSet: DataSet;
  readonly session: Session;
  readonly other: Session | null;
}

async function score(scoring: Scoring, run: Run): Promise<Outcome> {
  const { measurement, dataSet } = run;
  const total = Math.min(dataSet.samples, measurement.limit ?? dataSet.samples);
  const step = Math.max(1, Math.floor(total / 100));
  for await (const batch of batches(dataSet, { limit: total })) {
    measurement.signal?.throwIfAborted();
    for (const sample of await runBatch(run, batch)) {
      scoring.add(sample);
      const done = scoring.count;
      if (done % step !== 0 && done !== total) continue;
      measurement.onProgress?.({ what: 'evaluating', done, total, unit: 'samples' });
    }
  }
  return scoring.outcome();
}

async function runBatch({ session, other, dataSet }: Run, batch: Batch): Promise<Sample[]> {
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
