/** What is asked of `compressFile` and `compressPackage`, and what they answer. */
import type { Digest } from '../digest.ts';
import type { Manifest } from '../evaluate/manifest.ts';
import type { Outcome } from '../evaluate/outcome.ts';
import type { Quality } from '../protocol/tuning.ts';
import type { Progress } from '../variants.ts';
import type { Recipe } from './recipe.ts';
import type { MeasureRecord } from './record.ts';
import type { LayerReport } from './report.ts';

export interface CompressRequest {
  readonly modelPath: string;
  /** null for a bare model: inputs are then taken as they are stored. */
  readonly manifest: Manifest | null;
  /** null where there is none: what needs data is then refused with `VARIANT_FAILED`. */
  readonly calibrationPath: string | null;
  readonly evaluationPath: string | null;
  readonly recipe: Recipe;
  /** Where the variant and its golden file are written, by digest. */
  readonly folder: string;
  /** What an earlier call for the same model and recipe measured; measuring is then skipped. */
  readonly record?: MeasureRecord;
  /** Scores of the source on the evaluation set, as an earlier call answered them. */
  readonly sourceOutcome?: Outcome;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

export interface CompressResult {
  readonly path: string;
  readonly digest: Digest;
  readonly bytes: number;
  /** null where there is no evaluation data. */
  readonly quality: Quality | null;
  /** The source's scores on the same samples, to be given to the next call. */
  readonly sourceOutcome: Outcome | null;
  /** null where there is no data at all. */
  readonly goldenPath: string | null;
  readonly layers: readonly LayerReport[];
  readonly notes: readonly string[];
  /** null where the recipe needs no measurements. */
  readonly record: MeasureRecord | null;
  readonly seconds: number;
}

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
  /** Each layer gets the bits, of at least the recipe's, that lose least in so many bytes. */
  readonly maxBytes?: BytesBudget;
  /** Channels, blocks and bits are chosen together, for so much speed on this machine. */
  readonly speed?: SpeedTarget;
  /** What was taken away is given back until this quality holds. */
  readonly budget?: QualityBudget;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/** Of the whole file: so many, or a share of the source's. */
export type BytesBudget = { readonly bytes: number } | { readonly share: number };

export interface SpeedTarget {
  /** The source's median latency over the variant's. */
  readonly speedup: number;
  /** The search ends about then. */
  readonly secondsMax: number;
}

export interface QualityBudget {
  /** What may be lost, as `Quality.dropUpper` counts it. */
  readonly maxDrop: number;
  readonly evaluationPath: string;
}

export interface FileResult {
  /** As asked for, with what timing and budgets made of it. */
  readonly recipe: Recipe;
  readonly path: string;
  readonly digest: Digest;
  readonly bytes: number;
  readonly sourceBytes: number;
  readonly layers: readonly LayerReport[];
  readonly notes: readonly string[];
  /** null where the recipe needs no measurements. */
  readonly record: MeasureRecord | null;
  /** null where no budget asked for it. */
  readonly quality: Quality | null;
}
