/** Fits a packaged model by one recipe: built, verified, measured, with its golden set. */
import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { writeFileAtomic } from '../atomic-file.ts';
import { type Digest, digestOf } from '../digest.ts';
import { FettleError } from '../errors.ts';
import { openDataSet } from '../evaluate/dataset.ts';
import { writeGolden } from '../evaluate/golden.ts';
import { openNpz } from '../evaluate/npz.ts';
import { chooseMetric } from '../evaluate/outcome.ts';
import { measureQuality } from '../evaluate/quality.ts';
import { buildFrom, buildVariant, checkRecipe, needsRecord } from './build.ts';
import { canonicalise } from './canonical/canonicalise.ts';
import { measure } from './measure.ts';
import { isSource, recipeName } from './recipe.ts';
import type { MeasureRecord } from './record.ts';
import type { Built, LayerReport } from './report.ts';
import type { CompressRequest, CompressResult } from './request.ts';
import { inputsOf, loadSource, type Source } from './source.ts';
import { verifyFusion } from './verify.ts';

/**
 * Writes `<digest>.onnx` and `<digest>.golden.npz` into the folder. Throws `RECIPE_INVALID`,
 * `VARIANT_FAILED` where the recipe needs data that is not there, and what reading the model and
 * its data throws; nothing half-written is left behind. An aborted signal throws its reason.
 */
export async function compressPackage(request: CompressRequest): Promise<CompressResult> {
  const start = performance.now();
  const { recipe, folder, signal } = request;
  const source = await loadSource(request.modelPath);
  const { built, record } = await build(source, request);
  signal.throwIfAborted();
  const path = join(folder, fileName(built.digest, 'onnx'));
  await mkdir(folder, { recursive: true });
  await writeFileAtomic(path, built.bytes);
  const { layers, notes } = await check(path, built, isSource(recipe));
  const measured = await qualityOf(path, request);
  const goldenPath = await goldenOf(path, built.digest, request);
  return {
    path,
    digest: built.digest,
    bytes: built.bytes.length,
    quality: measured?.quality ?? null,
    sourceOutcome: measured?.source ?? null,
    goldenPath,
    layers,
    notes,
    record,
    seconds: (performance.now() - start) / 1000,
  };
}

async function build(
  source: Source,
  request: CompressRequest,
): Promise<{ built: Built; record: MeasureRecord | null }> {
  const { recipe } = request;
  if (isSource(recipe)) return { built: buildVariant(source.bytes, recipe, null), record: null };
  checkRecipe(recipe);
  const canonical = canonicalise(source.model);
  if (!needsRecord(recipe)) return { built: buildFrom(canonical, recipe, null), record: null };
  const record = request.record ?? (await measureRecord(source, canonical.model, request));
  return { built: buildFrom(canonical, recipe, record), record };
}

async function measureRecord(
  source: Source,
  canonical: Source['model'],
  { calibrationPath, manifest, recipe, signal, onProgress }: CompressRequest,
): Promise<MeasureRecord> {
  if (calibrationPath === null) {
    throw new FettleError('VARIANT_FAILED', {
      recipe: recipeName(recipe),
      reason: 'it needs calibration data, and the package has none',
    });
  }
  const dataSet = await openDataSet(calibrationPath, {
    inputs: inputsOf(canonical),
    preparation: manifest?.inputs,
  });
  return measure(canonical, recipe, {
    dataSet,
    source: digestOf(source.bytes),
    signal,
    onProgress,
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
  const note = `${verified.leftOver} constants are unpacked at every inference, as the runtime did not merge them.`;
  return { layers: verified.layers, notes: [...notes, note] };
}

async function qualityOf(path: string, request: CompressRequest) {
  const { evaluationPath, manifest, modelPath, signal, onProgress } = request;
  if (evaluationPath === null || manifest === null) return null;
  const { arrays } = await openNpz(evaluationPath);
  const { metric } = chooseMetric(manifest, arrays.has('labels'));
  return measureQuality({
    // The source is compared with itself under its own name: nothing is lost.
    modelPath: isSource(request.recipe) ? modelPath : path,
    dataPath: evaluationPath,
    preparation: manifest.inputs,
    metric,
    threads: availableParallelism(),
    source: { path: modelPath, outcome: request.sourceOutcome },
    signal,
    ...(onProgress && { onProgress }),
  });
}

async function goldenOf(
  path: string,
  digest: Digest,
  { calibrationPath, evaluationPath, manifest, folder }: CompressRequest,
): Promise<string | null> {
  const dataPath = calibrationPath ?? evaluationPath;
  if (dataPath === null) return null;
  const outPath = join(folder, fileName(digest, 'golden.npz'));
  const samples = await writeGolden({
    variantPath: path,
    dataPath,
    preparation: manifest?.inputs,
    outPath,
  });
  return samples > 0 ? outPath : null;
}

function fileName(digest: Digest, extension: string): string {
  return `${digest.slice('sha256:'.length)}.${extension}`;
}
