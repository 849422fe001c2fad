/**
 * Where variants come from: the controller over HTTP, or this process. The tuner knows only this
 * door.
 */
import type { Recipe } from './compress/recipe.ts';
import type { Digest } from './digest.ts';
import type { Quality } from './protocol/tuning.ts';

export interface Progress {
  readonly what: string;
  readonly done: number;
  readonly total: number;
  readonly unit: 'bytes' | 'trials' | 'samples' | 'layers' | 'seconds' | 'steps';
}

export interface VariantFile {
  readonly recipe: Recipe;
  readonly digest: Digest;
  readonly bytes: number;
  /** The file, whole and verified. */
  readonly path: string;
  /** null where there is no data to measure it with. */
  readonly quality: Quality | null;
  /**
   * An .npz of a few prepared inputs (`input:<name>`) and this variant's outputs for them
   * (`output:<name>`), leading axis N; null where there is no data.
   */
  readonly goldenPath: string | null;
  /** Layers in the order of the graph, with what they got; absent where nobody says. */
  readonly layers?: readonly VariantLayer[];
}

export interface VariantLayer {
  readonly name: string;
  readonly bits: number;
  /** Output channels kept, of how many; absent where all are. */
  readonly channels?: { readonly kept: number; readonly of: number } | undefined;
}

export interface VariantSource {
  /**
   * The variant of this recipe, built if need be. Throws `VARIANT_FAILED` where it cannot be
   * built, `DOWNLOAD_FAILED`, `DIGEST_MISMATCH` or `DISK_FULL` where it cannot be brought here.
   */
  get(
    recipe: Recipe,
    options: { signal: AbortSignal; onProgress?: (progress: Progress) => void },
  ): Promise<VariantFile>;
}
