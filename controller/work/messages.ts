/** What a worker process is told and what it answers: JSON over the channel that `fork` opens. */
import * as v from 'valibot';
import { Recipe } from '../../shared/compress/recipe.ts';
import { Manifest, metrics } from '../../shared/evaluate/manifest.ts';
import { Outcome } from '../../shared/evaluate/outcome.ts';
import { DigestText, ErrorReportSchema, TensorInfo } from '../../shared/protocol/fields.ts';
import { Channels, Quality } from '../../shared/protocol/tuning.ts';

/** Files of a package by their paths in the store. */
export const Files = v.object({
  manifest: Manifest,
  modelPath: v.string(),
  calibrationPath: v.nullable(v.string()),
  evaluationPath: v.nullable(v.string()),
});
export type Files = v.InferOutput<typeof Files>;

export const Job = v.variant('kind', [
  v.object({ kind: v.literal('measure'), files: Files }),
  v.object({
    kind: v.literal('build'),
    files: Files,
    recipe: Recipe,
    sourceOutcome: v.nullable(Outcome),
    /** An empty folder for what is built. */
    folder: v.string(),
  }),
  /** Two versions of a model on the evaluation set of the first. */
  v.object({
    kind: v.literal('compare'),
    files: Files,
    before: Files,
    metric: v.picklist(metrics),
  }),
]);
export type Job = v.InferOutput<typeof Job>;

export const Progress = v.object({
  what: v.string(),
  done: v.number(),
  total: v.number(),
  unit: v.picklist(['bytes', 'trials', 'samples', 'layers', 'seconds', 'steps']),
});

export const Inspected = v.object({
  type: v.literal('inspected'),
  inputs: v.array(TensorInfo),
  outputs: v.array(TensorInfo),
  opset: v.nullable(v.number()),
  parameters: v.number(),
  notes: v.array(v.string()),
});
export type Inspected = v.InferOutput<typeof Inspected>;

export const Measured = v.object({
  type: v.literal('measured'),
  quality: v.nullable(Quality),
  /** The source's scores, which the quality of every variant is computed against. */
  outcome: v.nullable(Outcome),
});
export type Measured = v.InferOutput<typeof Measured>;

export const Compared = v.object({
  type: v.literal('compared'),
  samples: v.number(),
  agreement: v.nullable(v.number()),
  before: v.nullable(v.number()),
});
export type Compared = v.InferOutput<typeof Compared>;

export const Built = v.object({
  type: v.literal('built'),
  path: v.string(),
  digest: DigestText,
  /** The same file compressed with Zstandard; null where that is not smaller. */
  packedPath: v.nullable(v.string()),
  quality: v.nullable(Quality),
  golden: v.nullable(
    v.object({ path: v.string(), samples: v.number(), packedPath: v.nullable(v.string()) }),
  ),
  layers: v.array(
    v.looseObject({
      name: v.string(),
      op: v.string(),
      bits: v.number(),
      channels: Channels,
      reason: v.nullable(v.string()),
    }),
  ),
  notes: v.array(v.string()),
  seconds: v.number(),
});
export type Built = v.InferOutput<typeof Built>;

export const Failed = v.object({
  type: v.literal('failed'),
  code: ErrorReportSchema.entries.code,
  details: v.record(v.string(), v.union([v.string(), v.number()])),
});

export const Answer = v.variant('type', [
  v.object({ type: v.literal('progress'), progress: Progress }),
  Inspected,
  Measured,
  Compared,
  Built,
  Failed,
]);
export type Answer = v.InferOutput<typeof Answer>;
