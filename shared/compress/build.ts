/**
 * Builds a variant from a model, a recipe and a record of measurements. Pure: the same three give
 * the same bytes on any machine.
 */

import { digestOf } from '../digest.ts';
import { FettleError } from '../errors.ts';
import type { Model } from '../onnx/graph.ts';
import { readModel } from '../onnx/read.ts';
import { writeModel } from '../onnx/write.ts';
import { own } from '../own.ts';
import { quantizedAlready } from './already-quantized.ts';
import { type Canonical, canonicalise } from './canonical/canonicalise.ts';
import { equalize } from './correct/equalize.ts';
import { narrowModel } from './narrow/narrow.ts';
import { savingsOf } from './narrow/savings.ts';
import { storedModel } from './narrow/stored.ts';
import { powerNotes, withExponents } from './pow2/report.ts';
import { prunedModel } from './prune/apply.ts';
import { withChannels } from './prune/report.ts';
import { type QuantizeOptions, quantizeModel } from './quantize/quantize.ts';
import {
  type BitWidth,
  isSource,
  isWeightOnly,
  prunes,
  type Recipe,
  storesNarrow,
} from './recipe.ts';
import type { MeasureRecord } from './record.ts';
import type { Built } from './report.ts';
import { shareConstants } from './share-constants.ts';
import { withZeros } from './sparse/report.ts';
import { floatByRecipe } from './stay-float.ts';
import { storeWeights } from './stored-weights.ts';
import { targetOf } from './targets.ts';
import { withoutText } from './without-text.ts';

/** Whether building needs a record: whether channels go or anything computes in integers. */
export function needsRecord(recipe: Recipe): boolean {
  return prunes(recipe) || hasIntegers(recipe);
}

export function hasIntegers(recipe: Recipe): boolean {
  if (isSource(recipe) || isWeightOnly(recipe)) return false;
  return [recipe.bits, ...Object.values(recipe.layers ?? {})].some((bits) => bits <= 8);
}

/** Bits of a layer's words in fixed point; undefined in scheme affine. */
export function wordBitsOf(recipe: Recipe): QuantizeOptions['wordBits'] {
  if (recipe.scheme !== 'pow2') return undefined;
  const bitsOf = bitsFrom(recipe);
  return (layer) => {
    const bits = bitsOf(layer);
    return bits === 8 || bits === 4 || bits === 2 ? bits : undefined;
  };
}

/** Whether calibration data makes the variant better, though it can be built without. */
export function gainsFromRecord(recipe: Recipe): boolean {
  const widths = [recipe.bits, ...Object.values(recipe.layers ?? {})];
  return !isSource(recipe) && isWeightOnly(recipe) && widths.some((bits) => bits < 16);
}

/** Throws `RECIPE_INVALID`, `VARIANT_FAILED` and what reading a model throws. */
export function buildVariant(
  source: Uint8Array,
  recipe: Recipe,
  record: MeasureRecord | null,
): Built {
  if (isSource(recipe)) return sourceItself(source, 'The source as it is.');
  checkRecipe(recipe);
  const model = readModel(source);
  const already = quantizedAlready(model);
  return already === null
    ? buildFrom(canonicalise(model, record?.without), recipe, record)
    : sourceItself(source, already);
}

/** The same for a model that is canonical already. */
export function buildFrom(
  canonical: Canonical,
  recipe: Recipe,
  record: MeasureRecord | null,
): Built {
  const { model } = canonical;
  if (!prunes(recipe)) return buildWhole(canonical, recipe, record);
  if (!record?.prune) {
    throw new FettleError('VARIANT_FAILED', {
      recipe: 'of fewer channels',
      reason: 'what to take out is chosen on calibration data, and there is none',
    });
  }
  const pruned = prunedModel(model, record.prune);
  const built = buildWhole({ ...canonical, model: pruned }, recipe, record);
  const layers = withChannels(built.layers, { before: model, after: pruned });
  return { ...built, layers: withZeros(layers, record.prune) };
}

function buildWhole(canonical: Canonical, recipe: Recipe, record: MeasureRecord | null): Built {
  const notes = [
    ...canonical.changes.map(({ rewrite, count, reason }) => `${rewrite} ×${count}: ${reason}.`),
    ...canonical.notes,
    ...(record?.notes ?? []),
  ];
  if (isWeightOnly(recipe)) {
    const narrow = narrowModel(canonical.model, { recipe, target: targetOf(recipe), record });
    const layers = storeWeights(narrow.model, { ...narrow, bitsOf: bitsFrom(recipe) });
    return finish(narrow.model, { layers, notes: [...notes, ...savingsOf(layers)] });
  }
  if (!hasIntegers(recipe)) {
    const layers = storeWeights(canonical.model, { layers: [], bitsOf: () => 32 });
    return finish(canonical.model, { layers, notes });
  }
  if (!record) {
    throw new FettleError('VARIANT_FAILED', {
      recipe: `${recipe.bits} bits`,
      reason: 'integers need the ranges of activations, and there is no calibration data',
    });
  }
  const equal = equalize(canonical.model, record.equalize ?? {});
  const { model: float, blocks } = storedModel(equal, recipe, record);
  const { model, layers: computing } = quantizeModel(float, {
    target: targetOf(recipe),
    ...record,
    stored: (layer) => blocks.get(layer),
    wordBits: wordBitsOf(recipe),
    float: { ...floatByRecipe(float, recipe), ...record.float },
  });
  // In fixed point every scale would have to be a power of two: such layers stay float.
  const bitsOf = recipe.scheme === 'pow2' ? () => 32 as const : bitsFrom(recipe);
  const layers = storeWeights(model, { layers: computing, bitsOf });
  if (recipe.scheme !== 'pow2') {
    return finish(model, { layers, notes: [...notes, ...storedNotes(blocks.size)] });
  }
  return finish(model, { layers: withExponents(model, layers), notes: [...notes, ...powerNotes] });
}

/** What this compressor cannot do yet is refused rather than left out silently. */
export function checkRecipe(recipe: Recipe): void {
  const bits = [recipe.bits, ...Object.values(recipe.layers ?? {})];
  const power = recipe.scheme === 'pow2';
  if (!isWeightOnly(recipe) && bits.includes(16)) {
    throw refused('16 bits with activations of 8 bits');
  }
  if (power && isWeightOnly(recipe)) throw refused('scheme pow2 with float activations');
  if (storesNarrow(recipe) && recipe.corrections?.includes('equalize')) {
    throw refused('equalization of weights stored in blocks');
  }
  const blocks = storesNarrow(recipe) || (isWeightOnly(recipe) && bits.some((width) => width < 16));
  if (recipe.sparsity && blocks) {
    throw refused('sparsity with blocks of narrow weights, whose rounding undoes the zeros,');
  }
  targetOf(recipe);
}

function refused(what: string): FettleError {
  return new FettleError('RECIPE_INVALID', { reason: `${what} is not supported` });
}

function storedNotes(layers: number): string[] {
  if (layers === 0) return [];
  return [
    `${layers} layers are widened to 8 bits when the model is loaded: ` +
      'their fewer bits save bytes, speed and memory are those of 8 bits.',
  ];
}

function bitsFrom({ layers, bits }: Recipe): (layer: string) => BitWidth {
  return (layer) => own(layers, layer) ?? bits;
}

function sourceItself(bytes: Uint8Array, note: string): Built {
  return { bytes, digest: digestOf(bytes), layers: [], notes: [note] };
}

function finish(model: Model, rest: Pick<Built, 'layers' | 'notes'>): Built {
  const written = withoutText(model);
  shareConstants(written.graph);
  const bytes = writeModel(written);
  return { bytes, digest: digestOf(bytes), ...rest };
}
