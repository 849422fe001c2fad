/** Holds a quality budget for one model: makes what `defend` asks for, and measures it. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Metric } from '../evaluate/metrics.ts';
import { openNpz } from '../evaluate/npz.ts';
import { measureQuality, metricFor } from '../evaluate/quality.ts';
import { own as entryOf } from '../own.ts';
import type { Quality } from '../protocol/tuning.ts';
import { paretoFront } from './allocate/front.ts';
import { unitsOf } from './allocate/mixed.ts';
import { widthsAbove } from './allocate/widths.ts';
import { hasIntegers } from './build.ts';
import { defend } from './defend.ts';
import { isWeightOnly, type Recipe, recipeName } from './recipe.ts';
import type { Built } from './report.ts';
import type { QualityBudget } from './request.ts';
import { backToFloat, lessPruned, moreBits, type Retreat } from './retreats.ts';
import { type Made, makeVariant, type Work } from './work.ts';

export interface Held extends Made {
  readonly quality: Quality;
  readonly held: boolean;
}

export async function holdBudget(
  work: Work,
  asked: {
    readonly recipe: Recipe;
    readonly milder?: readonly Recipe[];
    readonly notes: readonly string[];
  },
  budget: QualityBudget,
): Promise<Held> {
  const folder = await mkdtemp(join(tmpdir(), 'fettle-defend-'));
  try {
    const path = join(folder, 'candidate.onnx');
    const { metric, reason: why } = await metricOf(work, budget);
    const found = await defend<Made>({
      recipe: asked.recipe,
      maxDrop: budget.maxDrop,
      build: (recipe) => makeVariant(work, recipe, asked.notes),
      evaluate: ({ built }) => evaluate(work, { ...budget, path, built, metric }),
      retreats: async () =>
        asked.milder ? milderRetreats(asked.milder) : retreatsOf(work, asked.recipe),
    });
    const { quality, held, built: made, reason } = found;
    const notes = [...made.built.notes, `Quality: ${reason} (${metric}: ${why}).`];
    return { ...made, built: { ...made.built, notes }, quality, held };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function metricOf({ request }: Work, { evaluationPath }: QualityBudget) {
  const { manifest, modelPath } = request;
  const { arrays } = await openNpz(evaluationPath);
  const labels = arrays.has('labels');
  return metricFor(manifest ?? { name: 'model', model: modelPath }, { labels, modelPath });
}

async function evaluate(
  { known, request }: Work,
  {
    evaluationPath,
    path,
    built,
    metric,
  }: QualityBudget & { path: string; built: Built; metric: Metric },
): Promise<Quality> {
  const { manifest, modelPath, signal, onProgress } = request;
  await writeFile(path, built.bytes);
  const { quality, source } = await measureQuality({
    modelPath: path,
    dataPath: evaluationPath,
    preparation: manifest?.inputs,
    metric,
    threads: availableParallelism(),
    source: { path: modelPath, outcome: known.outcome },
    signal,
    ...(onProgress && { onProgress }),
  });
  known.outcome = source;
  return quality;
}

/** What was found to lose less on calibration data, at last plain float. */
function milderRetreats(recipes: readonly Recipe[]): Retreat[] {
  const named = recipes.map((recipe) => ({
    recipe,
    said: `${recipeName(recipe)} was taken, which loses less`,
  }));
  return [...named, { recipe: { v: 1, bits: 32 }, said: 'the model stays float' }];
}

/** Channels come back first; then layers of the whole model get more bits. */
async function retreatsOf(work: Work, recipe: Recipe): Promise<Retreat[]> {
  const less = lessPruned(recipe);
  const whole = less.at(-1)?.recipe ?? recipe;
  if (!hasIntegers(whole) && !isWeightOnly(whole)) return less;
  const more = await widerRecipes(work, whole);
  const unpruned = less.length > 0 ? 'nothing is pruned, and ' : '';
  return [...less, ...more.map((one) => ({ ...one, said: `${unpruned}${one.said}` }))];
}

async function widerRecipes(work: Work, recipe: Recipe): Promise<Retreat[]> {
  // Without calibration data there is nothing to rank layers by.
  if (work.request.calibrationPath === null) return moreBits(recipe, []);
  const own = (layer: string) => entryOf(recipe.layers, layer) ?? recipe.bits;
  const { units } = await unitsOf(work, recipe, (layer) => widthsAbove(own(layer)));
  if (isWeightOnly(recipe)) return moreBits(recipe, paretoFront(units, { cost: 'bytes' }));
  const noise = ({ options }: (typeof units)[number]) =>
    Math.max(...options.map(({ loss }) => loss));
  const worstFirst = units.toSorted((a, b) => noise(b) - noise(a)).map(({ name }) => name);
  return backToFloat(recipe, worstFirst);
}
