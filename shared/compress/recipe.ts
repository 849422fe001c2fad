/** A recipe says how to fit a model: with the model and the record of measurements it determines the variant's bytes. */
import * as v from 'valibot';
import { canonicalJson } from '../canonical-json.ts';
import { type Digest, digestOfJson } from '../digest.ts';

export const bitWidths = [32, 16, 8, 4, 2] as const;
export type BitWidth = (typeof bitWidths)[number];
export const calibrators = ['auto', 'minmax', 'percentile', 'entropy', 'mse'] as const;
export const corrections = ['bias', 'equalize', 'statistics'] as const;

const Bits = v.picklist(bitWidths);
const KeepRatio = v.pipe(v.number(), v.minValue(0.05), v.maxValue(1));

export const Recipe = v.strictObject({
  v: v.literal(1),
  /** The source's bytes as they are; every other member is then without effect. */
  source: v.optional(v.literal(true)),
  /** Bits of every layer that `layers` does not name. 32 is float. */
  bits: Bits,
  /** Bits by node name, of layers that differ. */
  layers: v.optional(v.record(v.string(), Bits)),
  /** The share of prunable channels kept: of every group, or by group name. */
  keep: v.optional(v.union([KeepRatio, v.record(v.string(), KeepRatio)])),
  scheme: v.optional(v.picklist(['affine', 'pow2'])),
  /** The kernels the variant is built for: a name in the compressor's table of targets. */
  target: v.optional(v.string()),
  calibrator: v.optional(v.picklist(calibrators)),
  corrections: v.optional(v.array(v.picklist(corrections))),
});
export type Recipe = v.InferOutput<typeof Recipe>;

/** The source itself, the floor that every variant is measured against. */
export const sourceRecipe: Recipe = { v: 1, source: true, bits: 32 };

export function isSource(recipe: Recipe): boolean {
  return recipe.source === true;
}

export function recipeDigest(recipe: Recipe): Digest {
  return digestOfJson(recipe);
}

export function sameRecipe(a: Recipe, b: Recipe): boolean {
  return canonicalJson(a) === canonicalJson(b);
}

/** What people call a recipe: `source`, `float32`, `int8`, `int8 mixed`, `int8 keep 0.75`. */
export function recipeName(recipe: Recipe): string {
  if (isSource(recipe)) return 'source';
  const type = recipe.bits >= 16 ? `float${recipe.bits}` : `int${recipe.bits}`;
  const mixed = recipe.layers && Object.keys(recipe.layers).length > 0 ? ' mixed' : '';
  const kept =
    typeof recipe.keep === 'number' ? ` keep ${recipe.keep}` : recipe.keep ? ' pruned' : '';
  return `${type}${mixed}${kept}`;
}
