// `npm run fuzz -- --seed 1 --models 20000 --sets 2000 [--from RUN --to RUN] [--keep DIR]`: the
// whole fuzzer, or some of its runs; exit 1 on a finding.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sharedModel } from '../support/models.ts';
import { fuzz } from './fuzz.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    models: { type: 'string', default: '20000' },
    sets: { type: 'string', default: '2000' },
    from: { type: 'string', default: '0' },
    to: { type: 'string' },
    keep: { type: 'string' },
  },
});

const real = ['mnist', 'keywords', 'resnet8-cifar', 'resnet8-cifar-keras', 'cnn-cifar'];
const packages = real.flatMap((name) => sharedModel(name) ?? []);
const digits = join(import.meta.dirname, '../../examples/digits');

const [models, sets] = [Number(values.models), Number(values.sets)];
const started = performance.now();
const report = await fuzz({
  seed: Number(values.seed),
  models,
  sets,
  from: Number(values.from),
  to: Math.min(Number(values.to ?? models + sets), models + sets),
  packages: packages.length > 0 ? packages : [digits],
  keep: values.keep ?? null,
  onProgress: (done, total) => {
    if (done % 500 === 0) console.error(`${done} of ${total}`);
  },
});
console.log(JSON.stringify({ ...report, seconds: (performance.now() - started) / 1000 }, null, 2));
process.exit(report.findings.length > 0 ? 1 : 0);
