/** Variants of one source, made one after the other: what is found out on the way is kept. */
import { canonicalJson } from '../canonical-json.ts';
import { digestOf } from '../digest.ts';
import { FettleError } from '../errors.ts';
import { type DataSet, openDataSet } from '../evaluate/dataset.ts';
import type { Outcome } from '../evaluate/outcome.ts';
import type { Model } from '../onnx/graph.ts';
import { buildFrom, gainsFromRecord, hasIntegers, needsRecord } from './build.ts';
import type { Observations } from './calibrate/observe.ts';
import { type Canonical, canonicalise } from './canonical/canonicalise.ts';
import { measure, observe } from './measure.ts';
import { measureNarrow } from './narrow/measure.ts';
import { measureStored } from './narrow/measure-stored.ts';
import type { Proven } from './prove.ts';
import { prunedModel } from './prune/apply.ts';
import { measurePruning } from './prune/measure.ts';
import { pruningNotes } from './prune/report.ts';
import { isWeightOnly, prunes, type Recipe, recipeName, storesNarrow } from './recipe.ts';
import type { MeasureRecord, PruneRecord } from './record.ts';
import type { Built } from './report.ts';
import type { FileRequest } from './request.ts';
import { inputsOf, type Source } from './source.ts';
import { targetOf } from './targets.ts';

/** What is worked on, and what was found out about it so far. */
export interface Work {
  readonly source: Source;
  readonly request: FileRequest;
  readonly canonical: Canonical;
  /** Names of rewrites that were left out of it. */
  readonly without: readonly string[];
  readonly known: {
    dataSet?: DataSet;
    outcome?: Outcome;
    /** By what the recipe says of channels. */
    readonly pruned: Map<string, Pruned>;
    readonly observed: Map<Model, Observations>;
    /** As `observed`, without what corrections need. */
    readonly ranges: Map<Model, Observations>;
    /** By recipe. */
    readonly records: Map<string, MeasureRecord>;
  };
}

/** The canonical model as later steps measure it: with fewer channels where the recipe says so. */
export interface Pruned {
  readonly model: Model;
  readonly prune: PruneRecord | null;
}

export interface Made {
  readonly recipe: Recipe;
  readonly built: Built;
  /** null where the recipe needs no measurements. */
  readonly record: MeasureRecord | null;
}

/** `proven` is what running the canonical model found out; without it nothing was run. */
export function startWork(
  source: Source,
  request: FileRequest,
  proven: Pick<Proven, 'canonical' | 'without'> = {
    canonical: canonicalise(source.model),
    without: [],
  },
): Work {
  const known = {
    pruned: new Map(),
    observed: new Map(),
    ranges: new Map(),
    records: new Map(),
  };
  const { canonical, without } = proven;
  return { source, request, canonical, without, known };
}

/** Measures what the recipe needs, and builds it. */
export async function makeVariant(
  work: Work,
  recipe: Recipe,
  notes: readonly string[] = [],
): Promise<Made> {
  const { canonical, request } = work;
  const prepared = { ...canonical, notes: [...canonical.notes, ...notes] };
  if (!usesRecord(recipe, request)) {
    return { recipe, built: buildFrom(prepared, recipe, null), record: null };
  }
  const record = await recordOf(work, recipe);
  return { recipe, built: buildFrom(prepared, recipe, record), record };
}

/** Weight-only recipes can do without data, and do better with it. */
function usesRecord(recipe: Recipe, { calibrationPath, record }: FileRequest): boolean {
  const gains = gainsFromRecord(recipe) && (calibrationPath !== null || record !== undefined);
  return needsRecord(recipe) || gains;
}

async function recordOf(work: Work, recipe: Recipe): Promise<MeasureRecord> {
  const { known, request } = work;
  if (request.record && recipe === request.recipe) return request.record;
  const key = canonicalJson(recipe);
  const found = known.records.get(key) ?? (await measured(work, recipe));
  const record = work.without.length > 0 ? { ...found, without: [...work.without] } : found;
  known.records.set(key, record);
  return record;
}

async function measured(work: Work, recipe: Recipe): Promise<MeasureRecord> {
  const { model, prune } = await prunedOf(work, recipe);
  const record = await measuredOf(work, recipe, model);
  return prune
    ? { ...record, prune, notes: [...pruningNotes(prune, recipe), ...record.notes] }
    : record;
}

async function measuredOf(work: Work, recipe: Recipe, model: Model): Promise<MeasureRecord> {
  const { known, request, source } = work;
  const { signal, onProgress } = request;
  const dataSet = await calibrationOf(work, recipe);
  const options = { dataSet, source: digestOf(source.bytes), signal, onProgress };
  if (isWeightOnly(recipe)) return measureNarrow(model, recipe, options);
  if (!hasIntegers(recipe)) return emptyRecord(recipe, options.source);
  if (storesNarrow(recipe)) return measureStored(model, recipe, options);
  const corrects = recipe.corrections?.length !== 0;
  const seen = corrects ? known.observed : known.ranges;
  const observed = seen.get(model) ?? (await observe(model, options, { corrects }));
  seen.set(model, observed);
  return measure(model, recipe, { ...options, observed });
}

/** Which channels go is the same for all bits, so that it is measured once. */
export async function prunedOf(work: Work, recipe: Recipe): Promise<Pruned> {
  const { canonical, known, request } = work;
  if (!prunes(recipe)) return { model: canonical.model, prune: null };
  const key = channelsOf(recipe);
  const found = known.pruned.get(key);
  if (found) return found;
  const { record, signal, onProgress } = request;
  const prune =
    (key === channelsOf(request.recipe) ? record?.prune : undefined) ??
    (await measurePruning(canonical.model, recipe, {
      dataSet: await calibrationOf(work, recipe),
      rounding: targetOf(recipe).rounding,
      signal,
      onProgress,
    }));
  const pruned = { model: prunedModel(canonical.model, prune), prune };
  known.pruned.set(key, pruned);
  return pruned;
}

function channelsOf(recipe: Recipe): string {
  const { keep = 1, blocks = 0, dropped = 0, ranks = {}, sparsity = 0, target = '' } = recipe;
  return canonicalJson({ keep, blocks, dropped, ranks, sparsity, target });
}

function emptyRecord(recipe: Recipe, model: MeasureRecord['model']): MeasureRecord {
  return { v: 1, model, recipe, samples: 0, ranges: {}, biases: {}, float: {}, notes: [] };
}

/** Throws `CALIBRATION_MISSING`. */
export async function calibrationOf(
  { canonical, known, request }: Work,
  recipe: Recipe,
): Promise<DataSet> {
  const { calibrationPath, manifest } = request;
  if (calibrationPath === null) {
    throw new FettleError('CALIBRATION_MISSING', { recipe: recipeName(recipe) });
  }
  known.dataSet ??= await openDataSet(calibrationPath, {
    inputs: inputsOf(canonical.model),
    preparation: manifest?.inputs,
  });
  return known.dataSet;
}
