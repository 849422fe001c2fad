/**
 * From source and recipe to the variant's bytes: timing, measuring, and holding budgets of bytes
 * and of quality.
 */
import type { Quality } from '../protocol/tuning.ts';
import { mixedRecipe } from './allocate/mixed.ts';
import { quantizedAlready } from './already-quantized.ts';
import { buildVariant, checkRecipe, hasIntegers } from './build.ts';
import { holdBudget } from './hold-budget.ts';
import { jointRecipe } from './joint/target.ts';
import { obstaclesTo } from './obstacles.ts';
import { measurePays, timerOf } from './pays.ts';
import { provenCanonical } from './prove.ts';
import { prunedWhereFaster } from './prune/faster.ts';
import { isSource, prunes, type Recipe, sourceRecipe } from './recipe.ts';
import type { FileRequest } from './request.ts';
import type { Source } from './source.ts';
import { type SourceRuns, sourceRuns } from './source-runs.ts';
import { takeIfWorth } from './take.ts';
import { calibrationOf, type Made, makeVariant, prunedOf, startWork, type Work } from './work.ts';

export interface Best extends Made {
  readonly quality: Quality | null;
  /** What the source was seen to give. */
  readonly runs: SourceRuns | string;
}

export async function buildBest(source: Source, request: FileRequest): Promise<Best> {
  const { recipe } = request;
  if (isSource(recipe) || quantizedAlready(source.model) !== null) {
    const built = buildVariant(source.bytes, recipe, null);
    const runs = await sourceRuns(source, request);
    return { recipe: sourceRecipe, built, record: null, quality: null, runs };
  }
  checkRecipe(recipe);
  const proven = await provenCanonical(source, request);
  const work = startWork(source, request, proven);
  const asked = await settled(work);
  const found = request.budget
    ? await holdBudget(work, asked, request.budget)
    : { ...(await makeVariant(work, asked.recipe, asked.notes)), quality: null };
  return { ...(await takeIfWorth(work, found)), runs: proven.runs };
}

interface Asked {
  readonly recipe: Recipe;
  /** Recipes that lose less, where some were measured. */
  readonly milder?: readonly Recipe[];
  readonly notes: readonly string[];
}

/** The recipe with what the model allows, the bytes and the timing make of it. */
async function settled(work: Work): Promise<Asked> {
  const { recipe, maxBytes, speed } = work.request;
  if (speed) return jointRecipe(work, speed);
  const { nothing, stores, notes } = obstaclesTo(work.canonical.model, recipe);
  if (nothing && !prunes(recipe)) {
    return { recipe: stores ? { ...recipe, activations: 32 } : { v: 1, bits: 32 }, notes };
  }
  const mixed = maxBytes ? await mixedRecipe(work, recipe, maxBytes) : { recipe, notes: [] };
  const timed = await timedRecipe(work, mixed.recipe);
  const faster = await prunedWhereFaster(work, timed.recipe);
  return { ...faster, notes: [...notes, ...mixed.notes, ...timed.notes, ...faster.notes] };
}

/** The recipe with the layers that timing leaves in float, and what it found. */
async function timedRecipe(work: Work, recipe: Recipe): Promise<Asked> {
  const { timing, signal, onProgress } = work.request;
  if (!timing || !hasIntegers(recipe)) return { recipe, notes: [] };
  const dataSet = await calibrationOf(work, recipe);
  const time = timerOf(dataSet, { ...timing, signal });
  const options = { dataSet, time, ...timing, signal, onProgress };
  const { model } = await prunedOf(work, recipe);
  const found = await measurePays(model, recipe, options);
  return { recipe: found.recipe, notes: [`8 bits where they pay: ${found.reason}.`] };
}
