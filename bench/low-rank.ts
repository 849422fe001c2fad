/** Large layers made two by their principal components: what is lost, and where it is faster. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalise } from '../shared/compress/canonical/canonicalise.ts';
import { payingRank, rankWeightsMin } from '../shared/compress/joint/units.ts';
import { timerOf } from '../shared/compress/pays.ts';
import { factorable } from '../shared/compress/prune/factors.ts';
import { paysOff } from '../shared/compress/prune/faster.ts';
import { type Recipe, recipeName } from '../shared/compress/recipe.ts';
import { inputsOf, loadSource } from '../shared/compress/source.ts';
import { targetOf } from '../shared/compress/targets.ts';
import { makeVariant, startWork } from '../shared/compress/work.ts';
import { openDataSet } from '../shared/evaluate/dataset.ts';
import { chooseMetric, type Outcome } from '../shared/evaluate/outcome.ts';
import { loadPackage, type Package } from '../shared/evaluate/package.ts';
import { measureQuality } from '../shared/evaluate/quality.ts';
import { readModel } from '../shared/onnx/read.ts';
import type { Quality } from '../shared/protocol/tuning.ts';
import type { Bench, BenchContext } from './bench.ts';
import { type Row, realPackages, type Scene } from './support/real-packages.ts';
import { writeWideMlp } from './support/wide-mlp.ts';

const shares = [0.5, 0.25, 0.125];
const timingSeconds = 20;

export const bench: Bench = {
  what: 'large layers made two of low rank: quality lost, speed gained',
  async run(context) {
    const rows: Row[] = [];
    const folder = await mkdtemp(join(tmpdir(), 'fettle-bench-'));
    try {
      if (context.asked('wide')) rows.push(...(await rowsOf(await wide(folder), context)));
      for await (const found of realPackages(context)) rows.push(...(await rowsOf(found, context)));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    return { columns, rows, notes };
  },
};

const columns = [
  ...['model', 'layers', 'share', 'of', 'quality', 'speed', 'offered', 'holds', 'bytes'],
];
const notes = [
  `Layers: those of at least ${rankWeightsMin} weights of which two of the rank need at most two ` +
    'thirds of the products. Share: of the rank that a layer could have.',
  'Quality: against the float source on the evaluation set; points of top-1 lost, or signal to ' +
    'noise where there are no labels (200 dB and more is the same).',
  'Speed: median latency of the unchanged variant of the same bits over that of this one, all in ' +
    'turns in one process, one thread; offered by an earlier timing, by the rule of --measure.',
  'wide: 768 → 3072 → 768 with inputs of few common causes; made up. A model that is not listed ' +
    'has no layer that is large enough.',
];

async function wide(folder: string): Promise<Package> {
  await writeWideMlp(folder);
  const manifest = {
    ...{ name: 'wide', model: 'model.onnx' },
    ...{ calibration: 'calibration.npz', evaluation: 'evaluation.npz' },
    quality: { metric: 'sqnr', maxDrop: 1 },
  };
  await writeFile(join(folder, 'fettle.json'), JSON.stringify(manifest));
  return loadPackage(folder);
}

interface Made {
  readonly recipe: Recipe;
  readonly share: number;
  readonly layers: number;
  readonly bytes: Uint8Array;
}

async function rowsOf(found: Package, context: BenchContext): Promise<Row[]> {
  const { name } = found.manifest;
  const made = await variantsOf(found, context);
  if (made.length === 0) {
    context.note(`${name}: no layer is large enough`);
    return [];
  }
  const [early, late] = [await timesOf(found, made), await timesOf(found, made)];
  const folder = await mkdtemp(join(tmpdir(), 'fettle-bench-'));
  try {
    const lost: Quality[] = [];
    let source: Outcome | undefined;
    for (const { bytes } of made) {
      const measured = await qualityOf(bytes, { found, context, folder }, source);
      ({ source } = measured);
      lost.push(measured.quality);
    }
    return made.map(({ recipe, share, layers, bytes }, at) => {
      const whole = made.findIndex((one) => one.recipe.bits === recipe.bits);
      const speed = (late[whole] ?? 1) / (late[at] ?? 1);
      const [wholeMs = 1, prunedMs = 1] = [early[whole], early[at]];
      const offered = at === whole ? '' : paysOff({ wholeMs, prunedMs }) ? 'yes' : 'no';
      const { metric = '', value = 0, drop = 0 } = lost[at] ?? {};
      return [
        ...[name, layers, share, recipeName(recipe)],
        metric === 'sqnr' ? `${value.toFixed(1)} dB` : `${(100 * drop).toFixed(2)} points`,
        ...[speed, offered, offered === 'yes' ? (speed > 1 ? 'yes' : 'NO') : ''],
        bytes.length / (made[whole]?.bytes.length ?? 1),
      ];
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The unchanged of each width first; none where no layer can be changed. */
async function variantsOf(found: Package, { signal, note }: BenchContext): Promise<Made[]> {
  const { modelPath, manifest, calibrationPath } = found;
  const source = await loadSource(modelPath);
  const base: Recipe = { v: 1, bits: 32 };
  const request = { modelPath, manifest, calibrationPath, recipe: base, signal };
  const work = startWork(source, request);
  const options = [{ share: 1, ranks: {} }, ...ranksOf(source.bytes)];
  if (options.length === 1) return [];
  const made: Made[] = [];
  for (const bits of [32, 8] as const) {
    for (const { share, ranks } of options) {
      const layers = Object.keys(ranks).length;
      const recipe: Recipe = { v: 1, bits, ...(layers > 0 && { ranks }) };
      note(`${manifest.name}: ${recipeName(recipe)} of ${share}`);
      const { built } = await makeVariant(work, recipe);
      made.push({ recipe, share, layers, bytes: built.bytes });
    }
  }
  return made;
}

function ranksOf(bytes: Uint8Array): { share: number; ranks: Record<string, number> }[] {
  const layers = [...factorable(canonicalise(readModel(bytes)).model)];
  const { rounding } = targetOf({ v: 1, bits: 8 });
  return shares.flatMap((share) => {
    const ranks = layers.flatMap(([name, size]) => {
      const rank = payingRank(size, share, rounding);
      return rank === null ? [] : [[name, rank] as const];
    });
    return ranks.length === 0 ? [] : [{ share, ranks: Object.fromEntries(ranks) }];
  });
}

async function timesOf(found: Package, made: readonly Made[]): Promise<number[]> {
  const { modelPath, calibrationPath, manifest } = found;
  const inputs = inputsOf(readModel(await readFile(modelPath)));
  const preparation = manifest.inputs;
  const dataSet = await openDataSet(calibrationPath ?? '', { inputs, preparation });
  const signal = AbortSignal.timeout(600_000);
  const time = timerOf(dataSet, { threads: 1, seconds: timingSeconds, signal });
  return time(made.map(({ bytes }) => bytes));
}

async function qualityOf(
  bytes: Uint8Array,
  { found, context, folder }: Scene,
  outcome: Outcome | undefined,
) {
  const { modelPath, manifest, evaluationPath } = found;
  const path = join(folder, 'variant.onnx');
  await writeFile(path, bytes);
  const metric = manifest.quality?.metric ?? chooseMetric(manifest, true).metric;
  return measureQuality({
    ...{ modelPath: path, dataPath: evaluationPath ?? '', preparation: manifest.inputs },
    ...{ metric, threads: 2, source: { path: modelPath, outcome }, signal: context.signal },
  });
}
