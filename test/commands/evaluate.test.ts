import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import * as v from 'valibot';
import { writeModel } from '../../shared/onnx/write.ts';
import { productRoot } from '../../shared/product.ts';
import { fettle, temporaryFolder } from '../support/fettle.ts';
import { floats, graphOf, modelOf, nodeOf, valueNamed } from '../support/graphs.ts';
import { writeTinyPackage } from '../support/tiny-package.ts';

const digits = join(productRoot(), 'examples/digits');
const model = join(digits, 'model.onnx');

test('a model in a package is evaluated on its evaluation set', async (t) => {
  const run = await fettle(['evaluate', model, '--json'], { home: temporaryFolder(t) });
  t.deepEqual(JSON.parse(run.stdout), { metric: 'top1', value: 449 / 450, samples: 450 });
  t.is(run.code, 0);
});

test('against a reference the drop and its bound are told', async (t) => {
  const home = temporaryFolder(t);
  const variant = join(home, 'variant.onnx');
  await copyFile(model, variant);
  const data = join(digits, 'evaluation.npz');
  const where = ['--package', join(digits, 'fettle.json'), '--data', data, '--samples', '100'];
  const run = await fettle(['evaluate', variant, ...where, '--reference', model, '--json'], {
    home,
  });
  const result = JSON.parse(run.stdout);
  t.like(result, { metric: 'top1', samples: 100, drop: 0, agreement: 1 });
  t.true(result.dropUpper > 0, 'a hundred samples do not prove that nothing is lost');
});

test('what no metric can judge is an error that names it, and no figure', async (t) => {
  const home = await writeTinyPackage(temporaryFolder(t));
  const graph = graphOf({
    nodes: [
      nodeOf('Sub', { inputs: ['x', 'x'], outputs: ['none'] }),
      nodeOf('Log', { inputs: ['none'], outputs: ['logs'] }),
      nodeOf('MatMul', { inputs: ['logs', 'w'], outputs: ['y'] }),
    ],
    inputs: [valueNamed('x', ['N', 4])],
    outputs: [],
    initializers: { w: floats([4, 3], Array(12).fill(1)) },
  });
  const variant = join(home, 'variant.onnx');
  const outputs = [valueNamed('y', ['N', 3])];
  await writeFile(variant, writeModel(modelOf({ ...graph, outputs })));
  for (const metric of ['mse', 'sqnr']) {
    const args = ['evaluate', variant, '--reference', join(home, 'model.onnx'), '--metric', metric];
    const where = ['--package', join(home, 'fettle.json'), '--data', join(home, 'evaluation.npz')];
    const run = await fettle([...args, ...where, '--json'], { home });
    t.is(run.code, 1, run.stdout);
    t.regex(run.stdout, /METRIC_IMPOSSIBLE/);
    t.regex(run.stdout, /metric \w+: output y holds -Infinity/);
  }
});

const wrong: [string, string[], RegExp][] = [
  ['a missing model', ['no.onnx'], /FILE_MISSING: no\.onnx: no such file/],
  ['a missing data set', [model, '--data', 'no.npz'], /FILE_MISSING: no\.npz: no such file/],
  ['an unknown metric', [model, '--metric', 'map'], /BAD_ARGUMENT: --metric: expected top1, top5/],
  ['no reference to agree with', [model, '--metric', 'sqnr'], /METRIC_IMPOSSIBLE: metric sqnr/],
  ['data of another model', [model, '--data', model], /NPZ_INVALID: .*no ZIP archive/],
];

for (const [what, args, message] of wrong) {
  test(`said in one line and refused: ${what}`, async (t) => {
    const run = await fettle(['evaluate', ...args], { home: temporaryFolder(t) });
    t.is(run.code, 1);
    t.is(run.stdout, '');
    t.regex(run.stderr.split('\n')[0] ?? '', message);
  });
}

const Figures = {
  latencyMsP50: v.pipe(v.number(), v.minValue(1e-6)),
  latencyMsP95: v.pipe(v.number(), v.minValue(1e-6)),
  throughputPerSecond: v.pipe(v.number(), v.minValue(1e-6)),
  peakMemoryMiB: v.pipe(v.number(), v.minValue(20), v.maxValue(2000)),
};
const Bench = v.object({
  ...Figures,
  inputs: v.literal('data'),
  versus: v.object({ ...Figures, ratio: v.number(), ratioP25: v.number(), ratioP75: v.number() }),
});

test('bench times two models in turns and says the ratio', async (t) => {
  const args = ['bench', model, '--versus', model, '--seconds', '0.5', '--json'];
  const run = await fettle(args, { home: temporaryFolder(t) });
  const { versus, latencyMsP50 } = v.parse(Bench, JSON.parse(run.stdout));
  t.true(Math.abs(versus.ratio - versus.latencyMsP50 / latencyMsP50) < 1e-9);
  t.true(versus.ratioP25 <= versus.ratioP75);
});

test('bench makes inputs up where there is no data, and refuses what does not run', async (t) => {
  const home = temporaryFolder(t);
  const bare = join(home, 'bare.onnx');
  await copyFile(model, bare);
  const run = await fettle(['bench', bare, '--seconds', '0.1', '--json'], { home });
  t.like(JSON.parse(run.stdout), { inputs: 'random', threads: 1 });
  await copyFile(join(digits, 'README.md'), bare);
  const broken = await fettle(['bench', bare], { home });
  t.is(broken.code, 1);
  t.regex(broken.stderr, /^error MODEL_UNRUNNABLE: .*bare\.onnx: .*Protobuf parsing failed/);
  const args = ['bench', model, '--seconds', 'soon'];
  t.regex((await fettle(args, { home })).stderr, /BAD_ARGUMENT: --seconds: expected a number/);
});
