/**
 * Narrow weights: quality, bytes and latency at 16, 4 and 2 bits, against the peer's block
 * quantizer.
 */
import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { benchFeeds } from '../shared/evaluate/bench.ts';
import { loadPackage, type Package } from '../shared/evaluate/package.ts';
import { openSession } from '../shared/evaluate/runtime.ts';
import { timeInterleaved } from '../shared/evaluate/timing.ts';
import { productRoot } from '../shared/product.ts';
import type { Bench, BenchContext } from './bench.ts';
import { fettleJson } from './support/fettle.ts';
import { writeFileBytes } from './support/file-bytes.ts';
import { numberAt } from './support/number-at.ts';
import { writeWideMlp } from './support/wide-mlp.ts';

const classifiers = [
  ...['resnet8-cifar', 'resnet20-cifar', 'keywords', 'mnist'],
  ...['cnn-cifar', 'mobilenet-v1-025', 'squeezenet'],
];
const timingSeconds = 6;
const samples = '400';

export const bench: Bench = {
  what: 'Narrow weights at 16, 4 and 2 bits, fixed point, and the reference block quantizer',
  async run(context) {
    const folder = await mkdtemp(join(tmpdir(), 'fettle-bench-'));
    try {
      const rows: (string | number)[][] = [];
      const left: string[] = [];
      for (const own of await packages(folder, context)) {
        if (!context.asked(own.name)) continue;
        const made = await compare(own, { ...context, folder }).catch((thrown: unknown) => {
          // Stopped by hand: what was measured so far is kept, and the rest is named.
          if (context.signal.aborted) return null;
          throw thrown;
        });
        if (made) rows.push(...made);
        else left.push(own.name);
      }
      const unmeasured = left.length > 0 ? [`Stopped before: ${left.join(', ')}.`] : [];
      return { columns, rows, notes: [...notes, ...unmeasured] };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

const columns = ['model', 'variant', 'metric', 'source', 'variant', 'agrees'].concat([
  ...['bytes/source', 'speed/source', 'seconds'],
]);

const notes = [
  '"to nearest" is the same without calibration data; the others are rounded second-order on it.',
  '"4 stored, 8 computed" is `--bits 4 --activations 8`; "8" is `--bits 8`, for comparison.',
  'The peer takes MatMuls only: convolutions and Gemm stay float in its models.',
  'Speed is the source’s median latency over the variant’s, in turns in one process, one thread.',
  '"files" is a file-type model fed with installed files of many kinds.',
  '"wide" is made up: two matrices of 768×3072.',
];

interface Subject {
  readonly name: string;
  readonly found: Package;
  /** It has large MatMuls, which the peer can take. */
  readonly matrices: boolean;
}

interface Scene extends BenchContext {
  readonly folder: string;
}

async function packages(folder: string, { note }: BenchContext): Promise<Subject[]> {
  const models = join(productRoot(), '..', 'shared', 'models');
  const subjects: Subject[] = [];
  const files = join(models, 'other', 'magika-v3_3.onnx');
  await writeWideMlp(join(folder, 'wide'));
  await packaged(join(folder, 'wide'), 'sqnr');
  subjects.push(await subject('wide', join(folder, 'wide'), true));
  if (existsSync(files)) {
    mkdirSync(join(folder, 'files'));
    copyFileSync(files, join(folder, 'files', 'model.onnx'));
    await writeFileBytes(join(folder, 'files'));
    await packaged(join(folder, 'files'), 'agreement');
    subjects.push(await subject('files', join(folder, 'files'), true));
  }
  for (const name of classifiers) {
    const path = join(models, name);
    if (existsSync(path)) subjects.push(await subject(name, path, false));
    else note(`${name} is not on this machine`);
  }
  return subjects;
}

async function packaged(folder: string, metric: string): Promise<void> {
  const manifest = {
    ...{ name: 'bench', model: 'model.onnx' },
    ...{ calibration: 'calibration.npz', evaluation: 'evaluation.npz' },
    quality: { metric, maxDrop: 1 },
  };
  await writeFile(join(folder, 'fettle.json'), JSON.stringify(manifest));
}

async function subject(name: string, path: string, matrices: boolean): Promise<Subject> {
  return { name, found: await loadPackage(path), matrices };
}

interface Made {
  readonly what: string;
  readonly path: string;
  readonly seconds: number;
}

async function compare(own: Subject, scene: Scene): Promise<(string | number)[][]> {
  const made: Made[] = [];
  for (const bits of [16, 4, 2])
    made.push(await compressed(own, { options: ['--bits', `${bits}`] }, scene));
  for (const bits of [4, 2]) {
    made.push(
      await compressed(own, { options: ['--bits', `${bits}`], rounding: 'to nearest' }, scene),
    );
    if (own.matrices) made.push(await peer(own, bits, scene));
  }
  if (!own.matrices) {
    for (const bits of [8, 4, 2])
      made.push(await compressed(own, { options: integers(bits) }, scene));
    made.push(await compressed(own, { options: ['--bits', '8', '--scheme', 'pow2'] }, scene));
  }
  const speeds = await speedsOf(made, own.found);
  const rows: (string | number)[][] = [];
  for (const [at, { what, path, seconds }] of made.entries()) {
    const quality = await evaluated(path, own.found, scene.signal);
    const share = (await stat(path)).size / (await stat(own.found.modelPath)).size;
    const row = [own.name, what, ...quality, share, speeds[at] ?? Number.NaN, seconds];
    scene.note(row.join('  '));
    rows.push(row);
  }
  return rows;
}

/** Integers compute, whatever weights are stored in. */
function integers(bits: number): string[] {
  return bits === 8 ? ['--bits', '8'] : ['--bits', `${bits}`, '--activations', '8'];
}

async function compressed(
  { name, found }: Subject,
  { options, rounding = '' }: { options: readonly string[]; rounding?: string },
  { folder, note, signal }: Scene,
): Promise<Made> {
  const [bits = '', how = ''] = options.filter((option) => !option.startsWith('--'));
  const stored = options.includes('--activations') ? 'stored, 8 computed' : how;
  const what = [bits, stored, rounding].filter((word) => word !== '').join(' ');
  note(`${name}: ${what}`);
  const path = join(folder, `${name} ${what}.onnx`);
  // A bare model has no calibration data.
  const bare = join(folder, `${name}.bare.onnx`);
  copyFileSync(found.modelPath, bare);
  const source = rounding === '' ? found.modelPath : bare;
  const report = await fettleJson(['compress', source, ...options, '--out', path], signal);
  return { what: `fettle ${what}`.trim(), path, seconds: numberAt(report, 'seconds') };
}

async function peer({ name, found }: Subject, bits: number, scene: Scene): Promise<Made> {
  const { folder, note, signal } = scene;
  note(`${name}: peer, ${bits} bits`);
  const path = join(folder, `${name} peer ${bits}.onnx`);
  const script = join(productRoot(), 'bench', 'peers', 'matmul_nbits.py');
  const block = '32';
  const args = [script, found.modelPath, `${bits}`, block, path];
  const { stdout } = await promisify(execFile)('python3', args, { signal, maxBuffer: 1 << 24 });
  const report: unknown = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  return { what: `peer ${bits}`, path, seconds: numberAt(report, 'seconds') };
}

async function evaluated(path: string, found: Package, signal: AbortSignal) {
  const report = await fettleJson(
    [
      ...['evaluate', path, '--reference', found.modelPath],
      ...['--package', found.manifestPath ?? '', '--data', found.evaluationPath ?? ''],
      ...['--samples', samples],
    ],
    signal,
  );
  const metric = found.manifest.quality?.metric ?? 'agreement';
  return [
    ...[metric, numberAt(report, 'referenceValue'), numberAt(report, 'value')],
    numberAt(report, 'agreement'),
  ];
}

/** The source's median latency over each one's. */
async function speedsOf(made: readonly Made[], found: Package): Promise<number[]> {
  const dataPath = found.evaluationPath;
  const model = (modelPath: string) =>
    ({ modelPath, threads: 1, dataPath, preparation: found.manifest.inputs }) as const;
  const timed = [];
  for (const path of [found.modelPath, ...made.map((one) => one.path)]) {
    const session = await openSession(path, { threads: 1 });
    timed.push({ session, feeds: await benchFeeds(session, model(path)) });
  }
  const { timings } = await timeInterleaved(timed, {
    ...{ warmups: 5, maxRuns: 5000 },
    seconds: timingSeconds,
  });
  for (const { session } of timed) await session.release();
  const source = timings[0]?.latencyMsP50 ?? 1;
  return timings.slice(1).map(({ latencyMsP50 }) => source / latencyMsP50);
}
