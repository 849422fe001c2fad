/**
 * From source and recipe to the variant's bytes: timing, measuring, and holding a quality budget.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { digestOf } from '../digest.ts';
import { FettleError } from '../errors.ts';
import { type DataSet, openDataSet } from '../evaluate/dataset.ts';
import { openNpz } from '../evaluate/npz.ts';
import { chooseMetric, type Outcome } from '../evaluate/outcome.ts';
import { measureQuality } from '../evaluate/quality.ts';
import type { Model } from '../onnx/graph.ts';
import type { Quality } from '../protocol/tuning.ts';
import { quantizedAlready } from './already-quantized.ts';
import {
  buildFrom,
  buildVariant,
  checkRecipe,
  gainsFromRecord,
  hasIntegers,
  needsRecord,
  targetOf,
} from './build.ts';
import type { Observations } from './calibrate/observe.ts';
import { type Canonical, canonicalise } from './canonical/canonicalise.ts';
import { type Defended, defend } from './defend.ts';
import { measure, observe, quantizeOptions } from './measure.ts';
import { measureNarrow } from './narrow/measure.ts';
import { measurePays, timerOf } from './pays.ts';
import { prunedModel } from './prune/apply.ts';
import { measurePruning } from './prune/measure.ts';
import { pruningNotes } from './prune/report.ts';
import { isSource, isWeightOnly, prunes, type Recipe, recipeName, sourceRecipe } from './recipe.ts';
import type { MeasureRecord, PruneRecord } from './record.ts';
import type { Built } from './report.ts';
import type { FileRequest, QualityBudget } from './request.ts';
import { layerNoises } from './sensitivity.ts';
import { inputsOf, type Source } from './source.ts';

export interface Best {
  readonly recipe: Recipe;
  readonly built: Built;
  readonly record: MeasureRecord | null;
  readonly quality: Quality | null;
}

/** Layers are judged on this many calibration samples. */
const judgeSamples = 64;

export async function buildBest(source: Source, request: FileRequest): Promise<Best> {
  const { recipe } = request;
  if (isSource(recipe) || quantizedAlready(source.model) !== null) {
    const built = buildVariant(source.bytes, recipe, null);
    return { recipe: sourceRecipe, built, record: null, quality: null };
  }
  checkRecipe(recipe);
  const work: Work = { source, request, canonical: canonicalise(source.model), known: {} };
  const timed = await timedRecipe(work);
  if (!request.budget) {
    const { built, record } = await buildOne(work, timed.recipe, timed.notes);
    return { recipe: timed.recipe, built, record, quality: null };
  }
  return defended(work, timed, request.budget);
}

/** What is worked on, and what was found out about it so far. */
interface Work {
  readonly source: Source;
  readonly request: FileRequest;
  readonly canonical: Canonical;
  readonly known: {
    dataSet?: DataSet;
    observed?: Observations;
    outcome?: Outcome;
    pruned?: Pruned;
  };
}

/** The canonical model as later steps measure it: with fewer channels where the recipe says so. */
interface Pruned {
  readonly model: Model;
  readonly prune: PruneRecord | null;
}

interface Made {
  readonly built: Built;
  readonly record: MeasureRecord | null;
}

async function buildOne(work: Work, recipe: Recipe, notes: readonly string[]): Promise<Made> {
  const { canonical, request } = work;
  const prepared = { ...canonical, notes: [...canonical.notes, ...notes] };
  if (!usesRecord(recipe, request)) {
    return { built: buildFrom(prepared, recipe, null), record: null };
  }
  const same = request.record !== undefined && recipe === request.recipe;
  const record = same && request.record ? request.record : await measured(work, recipe);
  return { built: buildFrom(prepared, recipe, record), record };
}

/** Weight-only recipes can do without data, and do better with it. */
function usesRecord(recipe: Recipe, { calibrationPath, record }: FileRequest): boolean {
  const gains = gainsFromRecord(recipe) && (calibrationPath !== null || record !== undefined);
  return needsRecord(recipe) || gains;
}

async function measured(work: Work, recipe: Recipe): Promise<MeasureRecord> {
  const { model, prune } = await prunedOf(work);
  const record = await measuredOf(work, recipe, model);
  return prune ? { ...record, prune, notes: [...pruningNotes(prune), ...record.notes] } : record;
}

async function measuredOf(work: Work, recipe: Recipe, model: Model): Promise<MeasureRecord> {
  const { known, request, source } = work;
  const { signal, onProgress } = request;
  const dataSet = await calibrationOf(work);
  const options = { dataSet, source: digestOf(source.bytes), signal, onProgress };
  if (isWeightOnly(recipe)) return measureNarrow(model, recipe, options);
  if (!hasIntegers(recipe)) return emptyRecord(recipe, options.source);
  known.observed ??= await observe(model, options);
  return measure(model, recipe, { ...options, observed: known.observed });
}

/** Which channels go is the same for all bits, so that it is measured once. */
async function prunedOf(work: Work): Promise<Pruned> {
  const { canonical, known, request } = work;
  const { recipe, record, signal, onProgress } = request;
  if (!prunes(recipe)) return { model: canonical.model, prune: null };
  if (!known.pruned) {
    const prune =
      record?.prune ??
      (await measurePruning(canonical.model, recipe, {
        dataSet: await calibrationOf(work),
        rounding: targetOf(recipe).rounding,
        signal,
        onProgress,
      }));
    known.pruned = { model: prunedModel(canonical.model, prune), prune };
  }
  return known.pruned;
}

function emptyRecord(recipe: Recipe, model: MeasureRecord['model']): MeasureRecord {
  return { v: 1, model, recipe, samples: 0, ranges: {}, biases: {}, float: {}, notes: [] };
}

async function calibrationOf({ canonical, known, request }: Work): Promise<DataSet> {
  const { calibrationPath, manifest, recipe } = request;
  if (calibrationPath === null) {
    throw new FettleError('VARIANT_FAILED', {
      recipe: recipeName(recipe),
      reason: 'it needs calibration data, and there is none',
    });
  }
  known.dataSet ??= await openDataSet(calibrationPath, {
    inputs: inputsOf(canonical.model),
    preparation: manifest?.inputs,
  });
  return known.dataSet;
}

/** The recipe with the layers that timing leaves in float, and what it found. */
async function timedRecipe(work: Work): Promise<{ recipe: Recipe; notes: string[] }> {
  const { recipe, timing, signal, onProgress } = work.request;
  if (!timing || !hasIntegers(recipe)) return { recipe, notes: [] };
  const dataSet = await calibrationOf(work);
  const time = timerOf(dataSet, { ...timing, signal });
  const options = { dataSet, time, ...timing, signal, onProgress };
  const found = await measurePays((await prunedOf(work)).model, recipe, options);
  return { recipe: found.recipe, notes: [`8 bits where they pay: ${found.reason}.`] };
}

async function defended(
  work: Work,
  timed: { recipe: Recipe; notes: readonly string[] },
  budget: QualityBudget,
): Promise<Best> {
  const folder = await mkdtemp(join(tmpdir(), 'fettle-defend-'));
  try {
    const candidate = join(folder, 'candidate.onnx');
    const found: Defended<Made> = await defend({
      recipe: timed.recipe,
      maxDrop: budget.maxDrop,
      build: (recipe) => buildOne(work, recipe, timed.notes),
      evaluate: ({ built }) => evaluate(work, { ...budget, path: candidate, built }),
      worstFirst: (made) => worstFirst(work, timed.recipe, made),
    });
    const { recipe, quality, built: made, reason } = found;
    const built = { ...made.built, notes: [...made.built.notes, `Quality: ${reason}.`] };
    return { recipe, built, record: made.record, quality };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function evaluate(
  { known, request }: Work,
  { evaluationPath, path, built }: QualityBudget & { path: string; built: Built },
): Promise<Quality> {
  const { manifest, modelPath, signal, onProgress } = request;
  await writeFile(path, built.bytes);
  const { arrays } = await openNpz(evaluationPath);
  const { metric } = chooseMetric(
    manifest ?? { name: 'model', model: modelPath },
    arrays.has('labels'),
  );
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

async function worstFirst(work: Work, recipe: Recipe, { record }: Made): Promise<string[]> {
  if (!record) return [];
  const { signal, onProgress } = work.request;
  const { model } = await prunedOf(work);
  const how = quantizeOptions(model, recipe, record);
  const noises = await layerNoises(model, how, {
    dataSet: await calibrationOf(work),
    limit: judgeSamples,
    threads: Math.min(4, availableParallelism()),
    signal,
    onProgress,
  });
  return noises.map(({ name }) => name);
}
