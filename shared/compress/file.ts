/**
 * Fits one model file by one recipe: measured where the recipe needs it, built, written, verified.
 */
import { writeFileAtomic } from '../atomic-file.ts';
import type { Digest } from '../digest.ts';
import { buildBest } from './best.ts';
import { isSource } from './recipe.ts';
import { refuseUnrunnable } from './refuse.ts';
import type { Built, LayerReport } from './report.ts';
import type { FileRequest, FileResult } from './request.ts';
import { loadSource } from './source.ts';
import { faultsOf } from './trial-run.ts';
import { verifyFusion } from './verify.ts';

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
  refuseUnrunnable(source.model, request.modelPath);
  const { recipe, built, record, quality, runs } = await buildBest(source, request);
  const faults = await faultsOf(built.bytes, runs, recipe);
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
    notes: [...notes, ...faults],
    record,
    quality,
  };
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
  const why = 'the runtime did not merge them';
  const note = `${verified.leftOver} constants are unpacked at every inference: ${why}.`;
  return { layers: verified.layers, notes: [...notes, note] };
}
