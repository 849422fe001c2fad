/**
 * Variants built in this process, from a package on this machine: what tuning without a controller
 * uses.
 */
import type { Outcome } from '../evaluate/outcome.ts';
import type { Package } from '../evaluate/package.ts';
import type { VariantFile, VariantSource } from '../variants.ts';
import { compressPackage } from './package.ts';
import { recipeDigest } from './recipe.ts';

/** Each recipe is built once; `folder` keeps the files. */
export function localVariantSource(options: { package: Package; folder: string }): VariantSource {
  const {
    package: { manifest, modelPath, calibrationPath, evaluationPath },
    folder,
  } = options;
  const built = new Map<string, VariantFile>();
  let sourceOutcome: Outcome | undefined;
  return {
    async get(recipe, { signal, onProgress }) {
      const key = recipeDigest(recipe);
      const known = built.get(key);
      if (known) return known;
      const result = await compressPackage({
        modelPath,
        manifest,
        calibrationPath,
        evaluationPath,
        recipe,
        folder,
        signal,
        ...(sourceOutcome && { sourceOutcome }),
        ...(onProgress && { onProgress }),
      });
      sourceOutcome = result.sourceOutcome ?? sourceOutcome;
      const { digest, bytes, path, quality, goldenPath, layers } = result;
      const file = { recipe, digest, bytes, path, quality, goldenPath, layers };
      built.set(key, file);
      return file;
    },
  };
}
