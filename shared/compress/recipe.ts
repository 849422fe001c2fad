/**
 * A recipe says how to fit a model: with the model and the record of measurements it determines the
 * variant's bytes.
 */
import * as v from 'valibot';
import { canonicalJson } from '../canonical-json.ts';
import { type Digest, digestOfJson } from '../digest.ts';
import { namedRecord } from '../named-record.ts';

export const bitWidths = [32, 16, 8, 4, 2] as const;
export type BitWidth = (typeof bitWidths)[number];
export const calibrators = ['auto', 'minmax', 'percentile', 'entropy', 'mse'] as const;
export const corrections = ['bias', 'equalize', 'statistics'] as const;
/** What the runtime's block-wise kernel takes (com.microsoft.MatMulNBits). */
export const blockSizes = [16, 32, 64, 128, 256] as const;

const Bits = v.picklist(bitWidths);
const BlockCount = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1000));
const Rank = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_536));
const KeepRatio = v.pipe(v.number(), v.minValue(0.05), v.maxValue(1));

const Share = v.pipe(v.number(), v.minValue(0), v.maxValue(0.95));
const Groups = v.pipe(
  v.string(),
  v.check((text) => groupsOf(text) !== undefined, 'expected N:M, with N below M and M at most 64'),
);
export const Sparsity = v.union([Share, Groups]);
export type Sparsity = v.InferOutput<typeof Sparsity>;

export const Recipe = v.strictObject({
  v: v.literal(1),
  /** The source's bytes as they are; every other member is then without effect. */
  source: v.optional(v.literal(true)),
  /** Bits of every layer that `layers` does not name. 32 is float. */
  bits: Bits,
  /** Bits by node name, of layers that differ. */
  layers: v.optional(namedRecord(Bits)),
  /**
   * The share of prunable channels kept: of all groups together, which are weighed against each
   * other, or of each group that is named.
   */
  keep: v.optional(v.union([KeepRatio, namedRecord(KeepRatio)])),
  /**
   * Residual blocks that become one convolution each: so many, those that disturb least, or those
   * named by the node that adds the shortcut.
   */
  blocks: v.optional(v.union([BlockCount, v.array(v.string())])),
  /** Residual blocks that go, the layers before them taking their part; likewise. */
  dropped: v.optional(v.union([BlockCount, v.array(v.string())])),
  /** Layers that become two, one behind the other, and how many channels are between them. */
  ranks: v.optional(namedRecord(Rank)),
  /**
   * Weights that become zero, the others making up for them: their share, or `N:M`, which keeps N
   * of each M consecutive weights of an output channel. It saves transfer, not time.
   */
  sparsity: v.optional(Sparsity),
  scheme: v.optional(v.picklist(['affine', 'pow2'])),
  /**
   * Bits of activations. 32 keeps them float, so that only weights are narrow; 8 computes in
   * integers. Where nothing is said: 8 for weights of 8 bits and in fixed point, else 32.
   */
  activations: v.optional(v.picklist([32, 8])),
  /** Weights that share a scale and a zero point, where only weights are narrow. */
  blockSize: v.optional(v.picklist(blockSizes)),
  /** The kernels the variant is built for: a name in the compressor's table of targets. */
  target: v.optional(v.string()),
  calibrator: v.optional(v.picklist(calibrators)),
  corrections: v.optional(v.array(v.picklist(corrections))),
});
export type Recipe = v.InferOutput<typeof Recipe>;

/** How many are kept of how many, as `N:M` says it; undefined for what says nothing of the kind. */
export function groupsOf(text: string): { readonly kept: number; readonly of: number } | undefined {
  const [, n, m] = /^(\d{1,2}):(\d{1,2})$/.exec(text) ?? [];
  const [kept, of] = [Number(n), Number(m)];
  return kept >= 1 && kept < of && of <= 64 ? { kept, of } : undefined;
}

/** The source itself, the floor that every variant is measured against. */
export const sourceRecipe: Recipe = { v: 1, source: true, bits: 32 };

export function isSource(recipe: Recipe): boolean {
  return recipe.source === true;
}

/** Whether channels, blocks, ranks or single weights go. */
export function prunes(recipe: Recipe): boolean {
  const { source, keep, blocks, dropped, ranks = {}, sparsity = 0 } = recipe;
  if (source === true) return false;
  if (sparsity !== 0 || Object.keys(ranks).length > 0) return true;
  if (countOf(blocks) + countOf(dropped) > 0) return true;
  if (keep === undefined) return false;
  return typeof keep === 'number' ? keep < 1 : Object.values(keep).some((share) => share < 1);
}

/** Whether it computes what its source computes, up to rounding of floats. */
export function isLossless(recipe: Recipe): boolean {
  const widths = [recipe.bits, ...Object.values(recipe.layers ?? {})];
  return isSource(recipe) || (!prunes(recipe) && widths.every((bits) => bits === 32));
}

/** Whether activations stay float, and weights alone are stored in fewer bits. */
export function isWeightOnly({ bits, activations, scheme }: Recipe): boolean {
  const integer = bits === 8 || bits === 32 || scheme === 'pow2';
  return (activations ?? (integer ? 8 : 32)) === 32;
}

/** Whether layers compute in integers of 8 bits and are stored in fewer. */
export function storesNarrow(recipe: Recipe): boolean {
  if (isSource(recipe) || isWeightOnly(recipe) || recipe.scheme === 'pow2') return false;
  return [recipe.bits, ...Object.values(recipe.layers ?? {})].some((bits) => bits < 8);
}

export function recipeDigest(recipe: Recipe): Digest {
  return digestOfJson(recipe);
}

export function sameRecipe(a: Recipe, b: Recipe): boolean {
  return canonicalJson(a) === canonicalJson(b);
}

/**
 * What people call a recipe: `source`, `float32`, `int8`, `int8 mixed`, `int8 keep 0.75`,
 * `int4 weights` (activations stay float), `int4 weights int8`, `int8 pow2`, `int8 2 blocks`,
 * `int8 1 block dropped`, `int8 low rank`, `int8 sparse 0.5`.
 */
export function recipeName(recipe: Recipe): string {
  if (isSource(recipe)) return 'source';
  const mixed = recipe.layers && Object.keys(recipe.layers).length > 0 ? ' mixed' : '';
  const kept =
    typeof recipe.keep === 'number' ? ` keep ${recipe.keep}` : recipe.keep ? ' pruned' : '';
  const scheme = recipe.scheme === 'pow2' ? ' pow2' : '';
  const sparse = recipe.sparsity ? ` sparse ${recipe.sparsity}` : '';
  const low = Object.keys(recipe.ranks ?? {}).length > 0 ? ' low rank' : '';
  return `${numbersName(recipe)}${scheme}${mixed}${kept}${blocksName(recipe)}${low}${sparse}`;
}

function blocksName({ blocks, dropped }: Recipe): string {
  const named = (count: number) => ` ${count} ${count === 1 ? 'block' : 'blocks'}`;
  const [one, none] = [countOf(blocks), countOf(dropped)];
  return `${one > 0 ? named(one) : ''}${none > 0 ? `${named(none)} dropped` : ''}`;
}

function countOf(blocks: Recipe['blocks'] = 0): number {
  return typeof blocks === 'number' ? blocks : blocks.length;
}

function numbersName(recipe: Recipe): string {
  const { bits } = recipe;
  if (bits >= 16) return `float${bits}`;
  if (isWeightOnly(recipe)) return `int${bits} weights`;
  return bits === 8 ? 'int8' : `int${bits} weights int8`;
}
