/**
 * 8 bits against the reference quantizer on real models: agreement, top-1, bytes, speed, time,
 * memory.
 */

import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { batches, openDataSet } from '../shared/evaluate/dataset.ts';
import { loadPackage, type Package } from '../shared/evaluate/package.ts';
import { openSession } from '../shared/evaluate/runtime.ts';
import { timeInterleaved } from '../shared/evaluate/timing.ts';
import { feeds } from '../shared/onnx/graph.ts';
import { readModelFile } from '../shared/onnx/read.ts';
import { productRoot } from '../shared/product.ts';
import type { Bench, BenchContext } from './bench.ts';
import { fettleJson } from './support/fettle.ts';
import { numberAt } from './support/number-at.ts';
import { runPeer } from './support/peer.ts';

const packages = [
  'mobilenet-v1-025',
  'resnet8-cifar',
  'resnet8-cifar-keras',
  'resnet20-cifar',
  'squeezenet',
  'keywords',
  'mnist',
  'cnn-cifar',
];
const calibrators = ['minmax', 'entropy', 'percentile'] as const;
const timingSeconds = 12;

export const bench: Bench = {
  what: '8 bits against onnxruntime.quantization on the real models beside the repository',
  async run(context) {
    const folder = await mkdtemp(join(tmpdir(), 'fettle-bench-'));
    try {
      const rows = [];
      for (const name of packages.filter(context.asked)) {
        const path = join(productRoot(), '..', 'shared', 'models', name);
        if (!existsSync(path)) {
          context.note(`${name} is not on this machine`);
          continue;
        }
        const row = await compare(name, await loadPackage(path), { folder, ...context });
        context.note(row.join('  '));
        rows.push(row);
      }
      return { columns, rows, notes };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

const columns = [
  ...['model', 'top1 source', 'top1', 'peer top1', 'agrees', 'peer agrees'],
  ...['vs source', 'vs peer', 'bytes/peer', 'seconds', 'peer s', 'MiB', 'peer MiB', 'float layers'],
];

const notes = [
  'Ours is compress --bits 8 --measure, chosen on calibration data only.',
  'The peer is the best of its three calibrators by agreement.',
  '"vs" are speeds: the other median latency over ours, in turns in one process, one thread.',
  'seconds and MiB: ours without corrections and the peer, both with the entropy calibrator.',
];

interface Scene extends BenchContext {
  readonly folder: string;
}

async function compare(name: string, found: Package, scene: Scene): Promise<(string | number)[]> {
  const { folder, note, signal } = scene;
  const own = join(folder, `${name}.onnx`);
  note(`${name}: compressing`);
  const made = await fettleJson(
    ['compress', found.modelPath, '--bits', '8', '--measure', '--out', own],
    signal,
  );
  const plain = await fettleJson(
    ['compress', found.modelPath, '--recipe', await plainRecipe(folder), '--out', `${own}.plain`],
    signal,
  );
  const peers = [];
  for (const calibrator of calibrators) {
    note(`${name}: peer, ${calibrator}`);
    const path = join(folder, `${name}.${calibrator}.onnx`);
    const ran = await runPeer({ folder: join(found.modelPath, '..'), calibrator, path, signal });
    peers.push({ path, calibrator, ran, quality: await qualityOf(path, found, signal) });
  }
  note(`${name}: evaluating and timing`);
  const quality = await qualityOf(own, found, signal);
  const best = peers.toSorted(
    (a, b) => numberAt(b.quality, 'agreement') - numberAt(a.quality, 'agreement'),
  )[0];
  const entropy = peers.find(({ calibrator }) => calibrator === 'entropy');
  if (!best || !entropy) throw new Error('the peer gave nothing');
  const [, versusPeer = 1, versusSource = 1] = await speeds(
    [own, best.path, found.modelPath],
    found,
  );
  return [
    name,
    numberAt(quality, 'referenceValue'),
    numberAt(quality, 'value'),
    numberAt(best.quality, 'value'),
    numberAt(quality, 'agreement'),
    numberAt(best.quality, 'agreement'),
    versusSource,
    versusPeer,
    numberAt(made, 'bytes') / (await stat(best.path)).size,
    numberAt(plain, 'seconds'),
    entropy.ran.seconds,
    numberAt(plain, 'peakMemoryMiB'),
    entropy.ran.peakMemoryMiB,
    floatLayers(made),
  ];
}

/** The same calibrator as the peer's, and nothing that the peer does not do. */
async function plainRecipe(folder: string): Promise<string> {
  const path = join(folder, 'plain.json');
  const { writeFileAtomic } = await import('../shared/atomic-file.ts');
  await writeFileAtomic(
    path,
    JSON.stringify({ v: 1, bits: 8, calibrator: 'entropy', corrections: [] }),
  );
  return path;
}

async function qualityOf(path: string, found: Package, signal: AbortSignal): Promise<unknown> {
  const manifest = found.manifestPath ?? '';
  const data = found.evaluationPath ?? '';
  return fettleJson(
    [
      ...['evaluate', path, '--reference', found.modelPath],
      ...['--package', manifest, '--data', data, '--metric', 'top1'],
    ],
    signal,
  );
}

/** How many times longer each takes than the first. */
async function speeds(paths: readonly string[], found: Package): Promise<number[]> {
  const sessions = await Promise.all(paths.map((path) => openSession(path, { threads: 1 })));
  const names = new Set(feeds((await readModelFile(found.modelPath)).graph).map((v) => v.name));
  const inputs = sessions[0]?.inputs.filter(({ name }) => names.has(name)) ?? [];
  const dataSet = await openDataSet(found.evaluationPath ?? '', {
    inputs,
    preparation: found.manifest.inputs,
  });
  for await (const batch of batches(dataSet, { limit: 1 })) {
    const { timings } = await timeInterleaved(
      sessions.map((session) => ({ session, feeds: batch.feeds })),
      { warmups: 10, seconds: timingSeconds, maxRuns: 5000 },
    );
    for (const session of sessions) await session.release();
    const [first] = timings;
    return timings.map(({ latencyMsP50 }) => latencyMsP50 / (first?.latencyMsP50 ?? 1));
  }
  return [];
}

function floatLayers(made: unknown): number {
  const layers = typeof made === 'object' && made !== null ? Reflect.get(made, 'layers') : [];
  return Array.isArray(layers) ? layers.filter(({ compute }) => compute === 'float').length : 0;
}
