/** One variant with its quality and its golden set: runs in a worker process. */
import { compressPackage } from '../../shared/compress/package.ts';
import { isSource } from '../../shared/compress/recipe.ts';
import { openNpz } from '../../shared/evaluate/npz.ts';
import { sourceQuality } from '../../shared/evaluate/outcome.ts';
import { compressBeside } from '../../shared/zstd.ts';
import type { Answer, Built, Job } from './messages.ts';

/** Sends the variant's files, which lie in the job's folder. Throws why it can't be built. */
export async function buildVariant(
  job: Extract<Job, { kind: 'build' }>,
  send: (answer: Answer) => Promise<void>,
): Promise<void> {
  const { files, recipe, folder, sourceOutcome } = job;
  // The source was measured when it was pushed; its golden set needs no evaluation data.
  const known = isSource(recipe) && sourceOutcome !== null && files.calibrationPath !== null;
  const result = await compressPackage({
    ...files,
    ...(known ? { evaluationPath: null } : {}),
    recipe,
    folder,
    ...(sourceOutcome && { sourceOutcome }),
    signal: new AbortController().signal,
    onProgress: (progress) => void send({ type: 'progress', progress }),
  });
  await send({
    type: 'built',
    path: result.path,
    digest: result.digest,
    packedPath: (await compressBeside(result.path))?.path ?? null,
    quality: known ? sourceQuality(sourceOutcome) : result.quality,
    golden: result.goldenPath === null ? null : await goldenOf(result.goldenPath),
    layers: result.layers.map(({ name, op, bits, channels, reason }) => ({
      ...{ name, op, bits, reason },
      ...(channels && { channels }),
    })),
    notes: [...result.notes],
    seconds: result.seconds,
  });
}

async function goldenOf(path: string): Promise<Built['golden']> {
  const npz = await openNpz(path);
  const [first] = npz.arrays.values();
  const packed = await compressBeside(path);
  return { path, samples: first?.shape[0] ?? 0, packedPath: packed?.path ?? null };
}
