import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import * as v from 'valibot';
import type { Metric } from '../../../shared/evaluate/metrics.ts';
import { writeNpz } from '../../../shared/evaluate/npz.ts';
import { chooseMetric, metricValue, Outcome, qualityOf } from '../../../shared/evaluate/outcome.ts';
import { loadPackage } from '../../../shared/evaluate/package.ts';
import { measureQuality, measureSource } from '../../../shared/evaluate/quality.ts';
import { productRoot } from '../../../shared/product.ts';
import { temporaryFolder } from '../../support/fettle.ts';
import { sharedModelOrSkip } from '../../support/models.ts';

const echo = join(import.meta.dirname, 'fixtures/echo.onnx');
const batch4 = join(import.meta.dirname, 'fixtures/batch4.onnx');

/** Float top-1 that others measured (ONNX Runtime in Python), on the whole evaluation set. */
const known = {
  mnist: 0.98875,
  keywords: 0.91,
  'cnn-cifar': 0.6292,
  'resnet8-cifar': 0.7556,
  'resnet8-cifar-keras': 0.7556,
  'resnet20-cifar': 0.8084,
  'mobilenet-v1-025': 0.6175,
  squeezenet: 0.7125,
};

async function topOne(folder: string, limit?: number): Promise<number> {
  const found = await loadPackage(folder);
  const outcome = await measureSource({
    modelPath: found.modelPath,
    dataPath: found.evaluationPath ?? '',
    preparation: found.manifest.inputs,
    metric: 'top1',
    threads: 1,
    ...(limit !== undefined && { limit }),
  });
  return metricValue(outcome);
}

test('the example reaches 449 of 450', async (t) => {
  t.is(await topOne(join(productRoot(), 'examples/digits')), 449 / 450);
});

for (const [name, value] of Object.entries(known)) {
  test(`${name} reaches the accuracy it is known for`, async (t) => {
    const folder = sharedModelOrSkip(t, name);
    if (folder === null) return;
    // A sample on the edge between two classes may fall either way on another processor.
    t.true(Math.abs((await topOne(folder)) - value) < 0.0026);
  });
}

/** Five features a sample; the model answers with them. */
async function echoData(t: ExecutionContext, labels: number[]): Promise<string> {
  const path = join(temporaryFolder(t), 'data.npz');
  const rows = labels.map((_, at) => [0, 1, 2, 3, 4].map((k) => (k === at % 5 ? 9 : -k)));
  await writeNpz(path, {
    x: { type: 'float', shape: [labels.length, 5], data: Float32Array.from(rows.flat()) },
    labels: { type: 'int64', shape: [labels.length], data: BigInt64Array.from(labels, BigInt) },
  });
  return path;
}

const measurement = (dataPath: string, metric: Metric) =>
  ({ modelPath: echo, dataPath, metric, threads: 1 }) as const;

test('top-1 counts the samples whose largest output is the label', async (t) => {
  const path = await echoData(t, [0, 1, 3, 3, 0, 0]);
  const outcome = await measureSource(measurement(path, 'top1'));
  t.deepEqual(outcome.scores, [1, 1, 0, 1, 0, 1]);
  t.deepEqual(outcome.classes, [0, 1, 2, 3, 4, 0]);
  await t.throwsAsync(measureSource(measurement(path, 'top5')), {
    code: 'METRIC_IMPOSSIBLE',
    message: /1 for any answer/,
  });
});

test('an outcome survives storage and stands in for the source', async (t) => {
  const path = await echoData(t, [0, 1, 3, 3, 0, 0]);
  const kept = v.parse(
    Outcome,
    JSON.parse(JSON.stringify(await measureSource(measurement(path, 'agreement')))),
  );
  // The source's file is not needed any more.
  const source = { path: 'gone.onnx', outcome: kept };
  const { quality } = await measureQuality({ ...measurement(path, 'agreement'), source });
  t.like(quality, { metric: 'agreement', value: 1, samples: 6, drop: 0 });
  t.true(quality.dropUpper > 0.3 && quality.dropUpper < 0.4, 'six samples prove little');
});

test('the source against itself loses nothing, for certain', async (t) => {
  const path = await echoData(t, [0, 1, 2, 3, 4]);
  for (const metric of ['top1', 'agreement', 'sqnr', 'mse'] as const) {
    const { quality } = await measureQuality({
      ...measurement(path, metric),
      source: { path: echo },
    });
    t.like(quality, { drop: 0, dropUpper: 0 }, metric);
  }
});

test('a model of a fixed batch is judged on the real samples only', async (t) => {
  const path = join(temporaryFolder(t), 'data.npz');
  const data = Float32Array.from({ length: 18 }, (_, at) => at);
  await writeNpz(path, { x: { type: 'float', shape: [6, 3], data } });
  const outcome = await measureSource({ ...measurement(path, 'mse'), modelPath: batch4 });
  t.is(outcome.samples, 6);
});

test('an impossible metric, a label out of range and an abort are said', async (t) => {
  const unlabelled = join(temporaryFolder(t), 'data.npz');
  await writeNpz(unlabelled, { x: { type: 'float', shape: [2, 5], data: new Float32Array(10) } });
  await t.throwsAsync(measureSource(measurement(unlabelled, 'top1')), {
    code: 'METRIC_IMPOSSIBLE',
    message: /the data set has no labels/,
  });
  const path = await echoData(t, [0, 7]);
  await t.throwsAsync(measureSource(measurement(path, 'top1')), {
    code: 'DATA_MISMATCH',
    message: /expected classes from 0 to 4, got 7 for sample 1/,
  });
  const signal = AbortSignal.abort(new Error('stopped'));
  await t.throwsAsync(measureSource({ ...measurement(path, 'top5'), signal }), {
    message: 'stopped',
  });
});

test('the metric is the package’s, else what the data allow', (t) => {
  const manifest = { name: 'm', model: 'm.onnx' };
  t.is(chooseMetric(manifest, true).metric, 'top1');
  t.is(chooseMetric(manifest, false).metric, 'agreement');
  const asked = { ...manifest, quality: { metric: 'top5', maxDrop: 0 } } as const;
  t.is(chooseMetric(asked, true).metric, 'top5');
  t.throws(() => chooseMetric(asked, false), { code: 'METRIC_IMPOSSIBLE' });
});

test('a drop is a share for classes and a noise ratio for outputs', (t) => {
  const outcome = (metric: Metric, scores: number[]): Outcome => {
    const samples = scores.length;
    return { v: 1, metric, samples, scores, classes: scores.map(() => 0) };
  };
  t.like(qualityOf(outcome('top1', [1, 0, 0, 1]), outcome('top1', [1, 1, 0, 1])), {
    value: 0.5,
    drop: 0.25,
  });
  t.like(qualityOf(outcome('sqnr', [0.01, 0.01]), outcome('sqnr', [0, 0])), {
    value: 20,
    drop: 0.01,
    dropUpper: 0.01,
  });
  t.throws(() => qualityOf(outcome('sqnr', [1]), outcome('sqnr', [0])), {
    code: 'METRIC_IMPOSSIBLE',
  });
  t.throws(() => qualityOf(outcome('top1', [1]), outcome('top1', [1, 1])), {
    code: 'METRIC_IMPOSSIBLE',
  });
});
