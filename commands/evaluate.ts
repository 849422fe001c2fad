/** `fettle evaluate`: how good a model is on a data set, alone or against another model. */
import { availableParallelism } from 'node:os';
import { FettleError } from '../shared/errors.ts';
import { metrics } from '../shared/evaluate/manifest.ts';
import {
  type Metric,
  meanSquareMax,
  metricTable,
  noiseRatioMax,
} from '../shared/evaluate/metrics.ts';
import { findNotFinite } from '../shared/evaluate/not-finite.ts';
import { openNpz } from '../shared/evaluate/npz.ts';
import { metricValue, type Outcome } from '../shared/evaluate/outcome.ts';
import { type Package, packageOfModel } from '../shared/evaluate/package.ts';
import {
  type Measurement,
  measureQuality,
  measureSource,
  metricFor,
} from '../shared/evaluate/quality.ts';
import { sayDrop } from '../shared/evaluate/quality-budget.ts';
import { saturationHere } from '../shared/evaluate/saturation.ts';
import type { Command, CommandContext } from './command.ts';

export const command: Command = {
  args: ['MODEL.onnx'],
  options: [
    {
      flags: '--data <file>',
      help: 'the .npz data set; the evaluation set of the package if absent',
    },
    { flags: '--metric <name>', help: `${metrics.join(', ')}; that of the package if absent` },
    { flags: '--reference <model>', help: 'the source to compare with, on the same samples' },
    { flags: '--package <file>', help: 'the fettle.json to use; that beside the model if absent' },
    { flags: '--threads <n>', help: 'threads of the runtime; all cores if absent' },
    { flags: '--samples <n>', help: 'use the first samples only' },
  ],
  async run(context) {
    const { io, options } = context;
    const found = await packageOfModel(modelOf(context), text(options.package));
    const measurement = await measurementOf(context, found);
    const reference = text(options.reference);
    const note = await saturationHere(measurement);
    const notes = note === null ? {} : { notes: [note] };
    if (reference === undefined) {
      const outcome = await measureAlone(measurement);
      const value = metricValue(outcome);
      requireFinite(outcome.metric, [value]);
      io.result({ metric: outcome.metric, value, samples: outcome.samples, ...notes });
      io.line(`${outcome.metric} ${say(outcome.metric, value)} on ${outcome.samples} samples`);
      if (note !== null) io.line(note);
      return;
    }
    const { quality, outcome, source } = await measureQuality({
      ...measurement,
      source: { path: reference },
    });
    const { value, samples, drop, dropUpper } = quality;
    const { metric } = outcome;
    await requireJudged(measurement, outcome);
    requireFinite(metric, [value, drop, dropUpper]);
    const same = outcome.classes.filter((one, at) => one === source.classes[at]).length;
    const agreement = outcome.agreement ?? same / samples;
    const referenceValue = metricValue(source);
    io.result({ metric, value, samples, referenceValue, drop, dropUpper, agreement, ...notes });
    io.line(`${metric} ${say(metric, value)} on ${samples} samples`);
    io.line(`reference ${say(metric, referenceValue)}, same answer on ${say('top1', agreement)}`);
    io.line(
      `${sayDrop(quality, drop)} lost, 95 % sure: not more than ${sayDrop(quality, dropUpper)}`,
    );
    if (note !== null) io.line(note);
  },
};

async function measurementOf(context: CommandContext, found: Package): Promise<Measurement> {
  const { options, io, signal } = context;
  const dataPath = text(options.data) ?? found.evaluationPath;
  if (dataPath === null) {
    const what = '--data';
    throw new FettleError('BAD_ARGUMENT', { what, expected: 'an .npz data set', got: 'none' });
  }
  const limit = count('--samples', options.samples);
  return {
    modelPath: found.modelPath,
    dataPath,
    preparation: found.manifest.inputs,
    metric: await metricOf(context, found, dataPath),
    threads: count('--threads', options.threads) ?? availableParallelism(),
    ...(limit !== null && { limit }),
    signal,
    onProgress: (progress) => io.progress(progress),
  };
}

async function metricOf(
  { options }: CommandContext,
  { manifest, modelPath }: Package,
  dataPath: string,
): Promise<Metric> {
  const asked = text(options.metric);
  const known = metrics.find((metric) => metric === asked);
  if (known !== undefined) return known;
  if (asked !== undefined) {
    const expected = metrics.join(', ');
    throw new FettleError('BAD_ARGUMENT', { what: '--metric', expected, got: asked });
  }
  const { arrays } = await openNpz(dataPath);
  const labels = arrays.has('labels');
  return (await metricFor(manifest, { labels, modelPath })).metric;
}

async function measureAlone(measurement: Measurement) {
  if (metricTable[measurement.metric].reference === 'none') return measureSource(measurement);
  const reason = 'it compares with a source, and none is given: add --reference or labels';
  throw new FettleError('METRIC_IMPOSSIBLE', { metric: measurement.metric, reason });
}

/** A sample at the worst score may be one that no metric can judge. */
async function requireJudged(measurement: Measurement, { metric, scores }: Outcome): Promise<void> {
  const worst = { mse: meanSquareMax, sqnr: noiseRatioMax }[String(metric)];
  if (worst === undefined || !scores.includes(worst)) return;
  const reason = await findNotFinite(measurement);
  if (reason !== null) throw new FettleError('METRIC_IMPOSSIBLE', { metric, reason });
}

function requireFinite(metric: Metric, values: readonly number[]): void {
  const got = values.find((value) => !Number.isFinite(value));
  if (got === undefined) return;
  const reason = `it comes to ${got}, which is no figure`;
  throw new FettleError('METRIC_IMPOSSIBLE', { metric, reason });
}

function say(metric: Metric, value: number): string {
  if (metric === 'sqnr') return `${value.toFixed(1)} dB`;
  return metric === 'mse' ? value.toPrecision(4) : `${(100 * value).toFixed(2)} %`;
}

function modelOf({ args }: CommandContext): string {
  return args['MODEL.onnx'] ?? '';
}

function text(value: string | boolean | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function count(what: string, value: string | boolean | string[] | undefined): number | null {
  if (value === undefined) return null;
  const number = Number(value);
  if (Number.isInteger(number) && number > 0) return number;
  throw new FettleError('BAD_ARGUMENT', {
    what,
    expected: 'a whole number above 0',
    got: `${value}`,
  });
}
