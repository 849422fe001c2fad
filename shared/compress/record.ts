/**
 * The record of measurements that a build needs besides model and recipe. Measuring depends on
 * the machine (a kernel rounds as it likes); building from the record does not.
 */
import * as v from 'valibot';
import { namedRecord } from '../named-record.ts';
import { DigestText } from '../protocol/fields.ts';
import { Recipe } from './recipe.ts';

const Range = v.strictObject({ min: v.number(), max: v.number() });

/** Weights as they were rounded, in base64: rounding depends on what a machine's kernels gave. */
const NarrowWeights = v.strictObject({
  bits: v.picklist([8, 4, 2]),
  blockSize: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** Integers of so many bits, row by row, the first in the lowest bits. */
  integers: v.string(),
  /** Zero points in the same form, a row's blocks after another's. */
  zeros: v.string(),
  /** float32, little-endian. */
  scales: v.string(),
  /**
   * What is added to the bias of each output channel before the layer is quantized to the 8 bits
   * that it computes in; absent where activations stay float.
   */
  bias: v.optional(v.array(v.number())),
});

/** What pruning decided: building from it runs nothing. */
const PruneRecord = v.strictObject({
  /** Residual blocks that are one convolution each. */
  blocks: v.optional(v.array(v.string())),
  /** Residual blocks that are gone. */
  dropped: v.optional(v.array(v.string())),
  /** Places of the units that go, by the name of their group. */
  removed: namedRecord(v.array(v.pipe(v.number(), v.integer(), v.minValue(0)))),
  /**
   * Weights of layers that were fitted again, by layer name: float32, little-endian, in base64, in
   * the order of the layer's own tensor.
   */
  weights: namedRecord(v.strictObject({ weights: v.string(), bias: v.nullable(v.string()) })),
  /**
   * Layers that are two: weights of the first, likewise; those of the second are in `weights`.
   */
  factors: v.optional(
    namedRecord(
      v.strictObject({
        rank: v.pipe(v.number(), v.integer(), v.minValue(1)),
        weights: v.string(),
      }),
    ),
  ),
  /** The share of zeros among the weights of layers that were made sparse, by layer name. */
  zeros: v.optional(namedRecord(v.number())),
});
export type PruneRecord = v.InferOutput<typeof PruneRecord>;

export const MeasureRecord = v.strictObject({
  v: v.literal(1),
  /** The source model. */
  model: DigestText,
  /** The recipe it was measured for. */
  recipe: Recipe,
  /** Calibration samples seen. */
  samples: v.pipe(v.number(), v.integer(), v.minValue(0)),
  /** The range that each activation of the canonical graph is quantized over, by value name. */
  ranges: namedRecord(Range),
  /** What is added to the bias of each layer, per output channel, by layer name. */
  biases: namedRecord(v.array(v.number())),
  /** What weights and bias of each layer are multiplied with before, likewise. */
  gains: v.optional(namedRecord(v.array(v.number()))),
  /** What channels of an activation are divided by, and weights after it multiplied with. */
  equalize: v.optional(namedRecord(v.array(v.number()))),
  /** The largest integer weight of each output channel, where the kernel saturates, likewise. */
  limits: v.optional(namedRecord(v.array(v.number()))),
  /** Rewrites that were left out, as the model would compute something else with them. */
  without: v.optional(v.array(v.string())),
  /** Layers that measurements left in float, with the reason, by layer name. */
  float: namedRecord(v.string()),
  /** By layer name. */
  narrow: v.optional(namedRecord(NarrowWeights)),
  /** Where the recipe has a keep ratio. Everything else was measured on the pruned model. */
  prune: v.optional(PruneRecord),
  /** What measuring found out, one sentence each. */
  notes: v.array(v.string()),
});
export type MeasureRecord = v.InferOutput<typeof MeasureRecord>;
export type ActivationRange = v.InferOutput<typeof Range>;
export type NarrowWeights = v.InferOutput<typeof NarrowWeights>;
