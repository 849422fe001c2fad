/** Fits a packaged model by one recipe: the variant with its quality and its golden set. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Digest } from '../digest.ts';
import { writeGolden } from '../evaluate/golden.ts';
import { openNpz } from '../evaluate/npz.ts';
import { measureQuality, metricFor } from '../evaluate/quality.ts';
import { compressFile } from './file.ts';
import { isSource } from './recipe.ts';
import type { CompressRequest, CompressResult } from './request.ts';

/**
 * Writes `<digest>.onnx` and `<digest>.golden.npz` into the folder. Throws what `compressFile`
 * throws, and `METRIC_IMPOSSIBLE`.
 */
export async function compressPackage(request: CompressRequest): Promise<CompressResult> {
  const start = performance.now();
  const { folder } = request;
  const written = await compressFile(request, (digest) => join(folder, fileName(digest, 'onnx')));
  const measured = await qualityOf(written.path, request);
  const goldenPath = await goldenOf(written.path, written.digest, request);
  const { path, digest, bytes, layers, notes, record } = written;
  return {
    path,
    digest,
    bytes,
    quality: measured?.quality ?? null,
    sourceOutcome: measured?.source ?? null,
    goldenPath,
    layers,
    notes,
    record,
    seconds: (performance.now() - start) / 1000,
  };
}

async function qualityOf(path: string, request: CompressRequest) {
  const { evaluationPath, manifest, modelPath, signal, onProgress } = request;
  if (evaluationPath === null || manifest === null) return null;
  const { arrays } = await openNpz(evaluationPath);
  const { metric } = await metricFor(manifest, { labels: arrays.has('labels'), modelPath });
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
