/** Fits one model file by one recipe: measured where the recipe needs it, built, written, verified. */
import { writeFileAtomic } from '../atomic-file.ts';
import { type Digest, digestOf } from '../digest.ts';
import { FettleError } from '../errors.ts';
import { type DataSet, openDataSet } from '../evaluate/dataset.ts';
import type { Manifest } from '../evaluate/manifest.ts';
import type { Model } from '../onnx/graph.ts';
import type { Progress } from '../variants.ts';
import { buildFrom, buildVariant, checkRecipe, needsRecord } from './build.ts';
import { canonicalise } from './canonical/canonicalise.ts';
import { measure } from './measure.ts';
import { measurePays, timerOf } from './pays.ts';
import { isSource, type Recipe, recipeName } from './recipe.ts';
import type { MeasureRecord } from './record.ts';
import type { Built, LayerReport } from './report.ts';
import { inputsOf, loadSource, type Source } from './source.ts';
import { verifyFusion } from './verify.ts';

export interface FileRequest {
  readonly modelPath: string;
  /** null for a bare model: inputs are then taken as they are stored. */
  readonly manifest: Manifest | null;
  /** null where there is none: what needs data is then refused with `VARIANT_FAILED`. */
  readonly calibrationPath: string | null;
  readonly recipe: Recipe;
  /** What an earlier call for the same model and recipe measured; measuring is then skipped. */
  readonly record?: MeasureRecord;
  /** Times on this machine which layers are worth 8 bits, and leaves the others in float. */
  readonly timing?: { readonly threads: number; readonly seconds: number };
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

export interface FileResult {
  /** As asked for, with what timing added. */
  readonly recipe: Recipe;
  readonly path: string;
  readonly digest: Digest;
  readonly bytes: number;
  readonly sourceBytes: number;
  readonly layers: readonly LayerReport[];
  readonly notes: readonly string[];
  /** null where the recipe needs no measurements. */
  readonly record: MeasureRecord | null;
}

/**
 * Writes the variant where `place` says. Throws `RECIPE_INVALID`, `VARIANT_FAILED` where the recipe
 * needs data that is not there, and what reading the model and its data throws; nothing
 * half-written is left behind. An aborted signal throws its reason.
 */
export async function compressFile(
  request: FileRequest,
  place: (digest: Digest) => string,
): Promise<FileResult> {
  const source = await loadSource(request.modelPath);
  const { recipe, built, record } = await build(source, request);
  request.signal.throwIfAborted();
  const path = place(built.digest);
  await writeFileAtomic(path, built.bytes);
  const { layers, notes } = await check(path, built, isSource(recipe));
  return {
    recipe,
    path,
    digest: built.digest,
    bytes: built.bytes.length,
    sourceBytes: source.bytes.length,
    layers,
    notes,
    record,
  };
}

interface BuildResult {
  readonly recipe: Recipe;
  readonly built: Built;
  readonly record: MeasureRecord | null;
}

async function build(source: Source, request: FileRequest): Promise<BuildResult> {
  const asked = request.recipe;
  if (isSource(asked)) {
    return { recipe: asked, built: buildVariant(source.bytes, asked, null), record: null };
  }
  checkRecipe(asked);
  const canonical = canonicalise(source.model);
  const { recipe, notes } = await timed(canonical.model, request);
  const prepared = { ...canonical, notes: [...canonical.notes, ...notes] };
  if (!needsRecord(recipe)) {
    return { recipe, built: buildFrom(prepared, recipe, null), record: null };
  }
  const record =
    request.record ?? (await measureRecord(source, canonical.model, { ...request, recipe }));
  return { recipe, built: buildFrom(prepared, recipe, record), record };
}

/** The recipe with the layers that timing leaves in float, and what it found. */
async function timed(
  canonical: Model,
  request: FileRequest,
): Promise<{ recipe: Recipe; notes: string[] }> {
  const { recipe, timing, signal, onProgress } = request;
  if (!timing || !needsRecord(recipe)) return { recipe, notes: [] };
  const dataSet = await openCalibration(canonical, request);
  const time = timerOf(dataSet, { ...timing, signal });
  const found = await measurePays(canonical, recipe, {
    dataSet,
    time,
    ...timing,
    signal,
    onProgress,
  });
  return { recipe: found.recipe, notes: [`8 bits where they pay: ${found.reason}.`] };
}

async function measureRecord(
  source: Source,
  canonical: Model,
  request: FileRequest,
): Promise<MeasureRecord> {
  const { recipe, signal, onProgress } = request;
  const dataSet = await openCalibration(canonical, request);
  return measure(canonical, recipe, {
    dataSet,
    source: digestOf(source.bytes),
    signal,
    onProgress,
  });
}

async function openCalibration(
  canonical: Model,
  { calibrationPath, manifest, recipe }: FileRequest,
): Promise<DataSet> {
  if (calibrationPath !== null) {
    return openDataSet(calibrationPath, {
      inputs: inputsOf(canonical),
      preparation: manifest?.inputs,
    });
  }
  throw new FettleError('VARIANT_FAILED', {
    recipe: recipeName(recipe),
    reason: 'it needs calibration data, and there is none',
  });
}

/** What the runtime really does with the variant; a source is run as it is and not looked into. */
async function check(
  path: string,
  { layers, notes }: Built,
  source: boolean,
): Promise<{ layers: readonly LayerReport[]; notes: readonly string[] }> {
  if (source || layers.every(({ compute }) => compute === 'float')) return { layers, notes };
  const verified = await verifyFusion(path, layers);
  if (verified.leftOver === 0) return { layers: verified.layers, notes };
  const note = `${verified.leftOver} constants are unpacked at every inference: the runtime did not merge them.`;
  return { layers: verified.layers, notes: [...notes, note] };
}
