/**
 * Pruning without training on real models: what is lost and what is gained, by the share of
 * channels kept and by residual blocks replaced, in float and in 8 bits, fitted again or not.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '../shared/canonical-json.ts';
import { canonicalise } from '../shared/compress/canonical/canonicalise.ts';
import { timerOf } from '../shared/compress/pays.ts';
import { prunedModel } from '../shared/compress/prune/apply.ts';
import { blocksOf } from '../shared/compress/prune/blocks.ts';
import { paysOff } from '../shared/compress/prune/faster.ts';
import { dependenciesOf } from '../shared/compress/prune/groups.ts';
import { offeredGroups } from '../shared/compress/prune/select.ts';
import { type Recipe, recipeName } from '../shared/compress/recipe.ts';
import { inputsOf, loadSource } from '../shared/compress/source.ts';
import { makeVariant, prunedOf, startWork } from '../shared/compress/work.ts';
import { openDataSet } from '../shared/evaluate/dataset.ts';
import type { Outcome } from '../shared/evaluate/outcome.ts';
import { measureQuality } from '../shared/evaluate/quality.ts';
import type { Model } from '../shared/onnx/graph.ts';
import { readModelFile } from '../shared/onnx/read.ts';
import { writeModel } from '../shared/onnx/write.ts';
import type { Bench } from './bench.ts';
import { rowsOfEach, type Scene } from './support/real-packages.ts';

const options: readonly Partial<Recipe>[] = [
  ...[1, 0.9, 0.75, 0.5, 0.3].map((keep) => ({ keep })),
  ...[{ blocks: 2 }, { dropped: 1 }, { blocks: 1, dropped: 1 }, { blocks: 2, dropped: 1 }],
];
/** Of all variants of a model together, twice. */
const timingSeconds = 25;

export const bench: Bench = {
  what: 'channels and blocks taken out of the real models: quality lost, speed gained',
  run: async (context) => ({ columns, rows: await rowsOfEach(context, rowsOf), notes }),
};

const columns = [
  ...['model', 'recipe', 'kept', 'points lost', '±', 'unfitted', 'speed', 'offered', 'holds'],
  'bytes',
];
const notes = [
  'Kept: of the channels that a ratio may take from. Points of top-1 lost against the float ' +
    'source on the whole evaluation set, paired, with one standard error; "unfitted": the same ' +
    'channels or blocks gone, no layer fitted again, in float.',
  'Speed: the median latency of the unpruned variant of the same bits over that of this one, all ' +
    'variants of a model run in turns in one process, one thread. Bytes: of this variant over ' +
    'those of that one.',
  'Offered: whether an earlier timing of its own, by the rule of --measure, called the variant ' +
    'faster. Holds: whether one that was offered is then measured faster.',
];

interface Made {
  readonly recipe: Recipe;
  readonly kept: number;
  readonly path: string;
  readonly bytes: number;
  readonly unfittedPath: string;
}

async function rowsOf(scene: Scene): Promise<(string | number)[][]> {
  const made = await variantsOf(scene);
  const [early, late] = [await speeds(made, scene), await speeds(made, scene)];
  const rows: (string | number)[][] = [];
  let source: Outcome | undefined;
  for (const [at, variant] of made.entries()) {
    const { recipe, kept, path, bytes, unfittedPath } = variant;
    const measured = await qualityOf(path, scene, source);
    ({ source } = measured);
    const without = unfittedPath === path ? measured : await qualityOf(unfittedPath, scene, source);
    const speed = late[at] ?? 1;
    const whole = at === wholeOf(made, variant);
    const offered = !whole && paysOff({ wholeMs: early[at] ?? 1, prunedMs: 1 });
    const row = [
      ...[scene.found.manifest.name, recipeName(recipe), kept, 100 * measured.quality.drop],
      ...[100 * standardError(measured.outcome, source), 100 * without.quality.drop, speed],
      ...[whole ? '' : offered ? 'yes' : 'no', offered ? (speed > 1 ? 'yes' : 'NO') : ''],
      bytes / (made[wholeOf(made, variant)]?.bytes ?? bytes),
    ];
    scene.context.note(row.join('  '));
    rows.push(row);
  }
  return rows;
}

/** The place of the variant of the same bits from which nothing was taken. */
function wholeOf(made: readonly Made[], { recipe }: Made): number {
  return made.findIndex((one) => one.recipe.bits === recipe.bits);
}

/** The first of each width is whole; options that say the same of this model are one. */
async function variantsOf({ found, folder, context }: Scene): Promise<Made[]> {
  const { modelPath, manifest, calibrationPath } = found;
  const { signal } = context;
  const { model } = canonicalise(await readModelFile(modelPath));
  const blocks = blocksOf(model);
  const channels = prunableChannels(model);
  const work = startWork(await loadSource(modelPath), {
    ...{ modelPath, manifest, calibrationPath, recipe: { v: 1, bits: 32 }, signal },
  });
  const made: Made[] = [];
  const known = new Set<string>();
  for (const option of options) {
    signal.throwIfAborted();
    const [one, none] = [Number(option.blocks ?? 0), Number(option.dropped ?? 0)];
    const droppable = blocks.filter((block) => block.droppable).length;
    if (one + none > blocks.length || none > droppable) continue;
    const { prune } = await prunedOf(work, { v: 1, bits: 32, ...option });
    const removed = Object.values(prune?.removed ?? {}).flat().length;
    const same = canonicalJson([prune?.removed ?? {}, prune?.blocks ?? [], prune?.dropped ?? []]);
    if (known.has(same)) continue;
    known.add(same);
    const unfitted = join(folder, `unfitted-${made.length}.onnx`);
    const weightless = prune ? prunedModel(model, { ...prune, weights: {} }) : model;
    await writeFile(unfitted, writeModel(weightless));
    for (const bits of [32, 8] as const) {
      const recipe: Recipe = { v: 1, bits, ...(option.keep === 1 ? {} : option) };
      context.note(`${manifest.name}: ${recipeName(recipe)}`);
      const { built } = await makeVariant(work, recipe);
      const path = join(folder, `${made.length}.onnx`);
      await writeFile(path, built.bytes);
      const unfittedPath = prune ? unfitted : path;
      const kept = channels === 0 ? 1 : 1 - removed / channels;
      made.push({ recipe, kept, path, bytes: built.bytes.length, unfittedPath });
    }
  }
  return made;
}

/** Channels of the groups that one ratio for all takes from. */
function prunableChannels(model: Model): number {
  const offered = offeredGroups(dependenciesOf(model).groups, 0.5);
  return offered.reduce((sum, { group }) => sum + group.units.length, 0);
}

function qualityOf(path: string, { found, context }: Scene, source: Outcome | undefined) {
  return measureQuality({
    modelPath: path,
    dataPath: found.evaluationPath ?? '',
    preparation: found.manifest.inputs,
    metric: 'top1',
    threads: 2,
    source: { path: found.modelPath, outcome: source },
    signal: context.signal,
  });
}

/** Of the mean of paired differences. */
function standardError({ scores }: Outcome, source: Outcome): number {
  const differences = scores.map((score, at) => (source.scores[at] ?? 0) - score);
  const mean = differences.reduce((sum, value) => sum + value, 0) / differences.length;
  const squares = differences.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(squares) / differences.length;
}

/** Of each, against the whole variant of the same bits. */
async function speeds(made: readonly Made[], { found }: Scene): Promise<number[]> {
  const dataSet = await openDataSet(found.calibrationPath ?? '', {
    inputs: inputsOf(await readModelFile(found.modelPath)),
    preparation: found.manifest.inputs,
  });
  const time = timerOf(dataSet, {
    ...{ threads: 1, seconds: timingSeconds, signal: AbortSignal.timeout(600_000) },
  });
  const models = [];
  for (const { path } of made) models.push(await readFile(path));
  const times = await time(models);
  return made.map((variant, at) => (times[wholeOf(made, variant)] ?? 1) / (times[at] ?? 1));
}
