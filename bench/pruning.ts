/**
 * Pruning without training on real models: what is lost and what is gained, by the share of
 * channels kept and by residual blocks replaced, in float and in 8 bits, fitted again or not.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalise } from '../shared/compress/canonical/canonicalise.ts';
import { compressFile } from '../shared/compress/file.ts';
import { prunedModel } from '../shared/compress/prune/apply.ts';
import { blocksOf } from '../shared/compress/prune/blocks.ts';
import { measurePruning } from '../shared/compress/prune/measure.ts';
import { type Recipe, recipeName } from '../shared/compress/recipe.ts';
import { inputsOf } from '../shared/compress/source.ts';
import { defaultTarget, targets } from '../shared/compress/targets.ts';
import { batches, openDataSet } from '../shared/evaluate/dataset.ts';
import type { Outcome } from '../shared/evaluate/outcome.ts';
import type { Package } from '../shared/evaluate/package.ts';
import { measureQuality } from '../shared/evaluate/quality.ts';
import { openSession } from '../shared/evaluate/runtime.ts';
import { timeInterleaved } from '../shared/evaluate/timing.ts';
import { readModelFile } from '../shared/onnx/read.ts';
import { writeModel } from '../shared/onnx/write.ts';
import type { Bench } from './bench.ts';
import { rowsOfEach, type Scene } from './support/real-packages.ts';

const keeps = [0.9, 0.75, 0.5, 0.3];
const blockCounts = [1, 2, 4];
const timingSeconds = 4;
/** As `fettle compress --measure` has it for what it compares. */
const timerSeconds = 3;

export const bench: Bench = {
  what: 'channels and blocks taken out of the real models: quality lost, speed gained',
  run: async (context) => ({ columns, rows: await rowsOfEach(context, rowsOf), notes }),
};

const columns = ['model', 'recipe', 'points lost', '±', 'unfitted', 'speed', 'offered', 'bytes'];
const notes = [
  'Points of top-1 lost against the float source on the whole evaluation set, paired, with one ' +
    'standard error; "unfitted": the same channels gone, no layer fitted again.',
  'Speed: the median latency of the unpruned variant of the same bits over that of this one, run ' +
    'in turns in one process, one thread. Bytes: of this variant over those of that one.',
  'Offered: whether a timing of its own, as --measure makes it, called the variant faster.',
];

async function rowsOf(scene: Scene): Promise<(string | number)[][]> {
  const { found, context } = scene;
  const { model } = canonicalise(await readModelFile(found.modelPath));
  const blocks = blocksOf(model).length;
  const options: Partial<Recipe>[] = [
    ...keeps.map((keep) => ({ keep })),
    ...blockCounts.filter((count) => count <= blocks).map((count) => ({ blocks: count })),
  ];
  const wholes = await inBits({ v: 1, bits: 32 }, found.modelPath, scene);
  const rows: (string | number)[][] = [];
  let source: Outcome | undefined;
  for (const option of options) {
    context.signal.throwIfAborted();
    const fitted = await inBits({ v: 1, bits: 32, ...option }, found.modelPath, scene);
    const unfitted = await inBits({ v: 1, bits: 32 }, await unfittedVariant(option, scene), scene);
    for (const [at, { recipe, path, bytes }] of fitted.entries()) {
      const whole = wholes[at] ?? { recipe, path, bytes };
      const measured = await qualityOf(path, scene, source);
      ({ source } = measured);
      const without = await qualityOf(unfitted[at]?.path ?? path, scene, source);
      const offered = (await speed(whole.path, path, { found, seconds: timerSeconds })) > 1;
      const row = [
        ...[found.manifest.name, recipeName(recipe), 100 * measured.quality.drop],
        ...[100 * standardError(measured.outcome, source), 100 * without.quality.drop],
        await speed(whole.path, path, { found, seconds: timingSeconds }),
        ...[offered ? 'yes' : 'no', bytes / whole.bytes],
      ];
      context.note(row.join('  '));
      rows.push(row);
    }
  }
  return rows;
}

/** Float and in 8 bits, the second made of the first: channels are chosen for both at once. */
async function inBits(recipe: Recipe, modelPath: string, scene: Scene) {
  const float = await made(recipe, modelPath, scene);
  const whole = await made({ v: 1, bits: 8 }, float.path, scene);
  return [
    { recipe, path: float.path, bytes: float.bytes },
    { recipe: { ...recipe, bits: 8 } as const, path: whole.path, bytes: whole.bytes },
  ];
}

function made(recipe: Recipe, modelPath: string, { found, folder, context }: Scene) {
  const { manifest, calibrationPath } = found;
  return compressFile(
    { modelPath, manifest, calibrationPath, recipe, signal: context.signal },
    (digest) => join(folder, `${digest.slice(7)}.onnx`),
  );
}

/** The same channels or blocks gone, the weights that stay as they were. */
async function unfittedVariant(
  option: Partial<Recipe>,
  { found, folder, context }: Scene,
): Promise<string> {
  const { model } = canonicalise(await readModelFile(found.modelPath));
  const record = await measurePruning(model, option, {
    dataSet: await openDataSet(found.calibrationPath ?? '', {
      inputs: inputsOf(model),
      preparation: found.manifest.inputs,
    }),
    rounding: targets[defaultTarget].rounding,
    fit: false,
    signal: context.signal,
  });
  const path = join(folder, `unfitted-${recipeName({ v: 1, bits: 32, ...option })}.onnx`);
  await writeFile(path, writeModel(prunedModel(model, record)));
  return path;
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

async function speed(
  whole: string,
  variant: string,
  { found, seconds }: { found: Package; seconds: number },
): Promise<number> {
  const sessions = [];
  for (const path of [whole, variant]) sessions.push(await openSession(path, { threads: 1 }));
  const dataSet = await openDataSet(found.calibrationPath ?? '', {
    inputs: sessions[0]?.inputs ?? [],
    preparation: found.manifest.inputs,
  });
  let ratio = 1;
  for await (const { feeds } of batches(dataSet, { limit: dataSet.batch })) {
    const timed = await timeInterleaved(
      sessions.map((session) => ({ session, feeds })),
      { warmups: 10, seconds, maxRuns: 5000 },
    );
    ratio = timed.ratios[1]?.ratio ?? 1;
  }
  for (const session of sessions) await session.release();
  return ratio;
}
