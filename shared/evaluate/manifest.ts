/** `fettle.json`: what a package says about its model, its data and what must hold. */
import * as v from 'valibot';
import { Recipe } from '../compress/recipe.ts';
import { namedRecord } from '../named-record.ts';
import { Name } from '../protocol/fields.ts';
import { objectives } from '../protocol/tuning.ts';

export const metrics = ['top1', 'top5', 'agreement', 'sqnr', 'mse'] as const;

/**
 * How a stored array becomes a model input: `(x·scale − mean) / std`, then laid out as the model
 * wants.
 */
export const InputPreparation = v.strictObject({
  scale: v.optional(v.number()),
  mean: v.optional(v.array(v.number())),
  std: v.optional(v.array(v.number())),
  layout: v.optional(v.picklist(['nchw', 'nhwc'])),
  modelLayout: v.optional(v.picklist(['nchw', 'nhwc'])),
  /** `bgr` reverses the stored RGB channels for the model. */
  channelOrder: v.optional(v.picklist(['rgb', 'bgr'])),
});
export type InputPreparation = v.InferOutput<typeof InputPreparation>;

export const Manifest = v.strictObject({
  name: Name,
  description: v.optional(v.string()),
  /** Paths are relative to the manifest. */
  model: v.string(),
  calibration: v.optional(v.string()),
  evaluation: v.optional(v.string()),
  quality: v.optional(
    v.strictObject({ metric: v.picklist(metrics), maxDrop: v.pipe(v.number(), v.minValue(0)) }),
  ),
  objective: v.optional(v.picklist(objectives)),
  limits: v.optional(
    v.strictObject({
      latencyMsP95: v.optional(v.number()),
      memoryMiB: v.optional(v.number()),
      bytes: v.optional(v.number()),
      agreement: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
    }),
  ),
  inputs: v.optional(namedRecord(InputPreparation)),
  /** What devices are to try besides what they try anyway. */
  recipes: v.optional(v.pipe(v.array(Recipe), v.maxLength(16))),
});
export type Manifest = v.InferOutput<typeof Manifest>;
