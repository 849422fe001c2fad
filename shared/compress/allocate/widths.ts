/** What each layer may be stored in, what that takes, and how it disturbs the network's answers. */

import type { Model, Node } from '../../onnx/graph.ts';
import { own as entryOf } from '../../own.ts';
import { type MeasureOptions, quantizeOptions } from '../measure.ts';
import { type NarrowLayer, narrowLayers } from '../narrow/layers.ts';
import { measureNarrow } from '../narrow/measure.ts';
import { narrowModel } from '../narrow/narrow.ts';
import { type NarrowPlan, planOf, storedBytes } from '../narrow/plan.ts';
import { computeLayers, weightedNodes } from '../quantize/quantize.ts';
import { type BitWidth, bitWidths, isWeightOnly, type Recipe, storesNarrow } from '../recipe.ts';
import type { MeasureRecord } from '../record.ts';
import { rewriterOf } from '../rewriter.ts';
import { layerNoises, outputNoises, type SensitivityOptions } from '../sensitivity.ts';
import { targetOf } from '../targets.ts';
import { sizeOf } from '../tensors.ts';
import type { Option, Unit } from './front.ts';

export interface BitsOption extends Option {
  readonly bits: BitWidth;
}

export interface WidthsOptions {
  readonly measure: MeasureOptions;
  readonly judge: SensitivityOptions;
  /** Which widths a layer may have. */
  allowed(layer: string): readonly BitWidth[];
  /** Of the recipe, where it computes in integers. */
  readonly record: MeasureRecord | null;
}

/**
 * One unit a layer that can be narrow. The loss is noise over signal of the network's outputs with
 * that one layer changed; weights are rounded as they would be, by the calibration set.
 */
export function measuredWidths(
  canonical: Model,
  recipe: Recipe,
  options: WidthsOptions,
): Promise<Unit<BitsOption>[]> {
  return isWeightOnly(recipe)
    ? narrowWidths(canonical, recipe, options)
    : integerWidths(canonical, recipe, options);
}

/** What a recipe's own widths leave open: those of `layers` are given, others may have more. */
export function widthsFrom(recipe: Recipe, layer: string): BitWidth[] {
  const own = entryOf(recipe.layers, layer);
  return own === undefined ? widthsAbove(recipe.bits) : [own];
}

export function widthsAbove(least: BitWidth): BitWidth[] {
  return bitWidths.filter((bits) => bits >= least).reverse();
}

/** Rounding to stored bits and computing in 8 disturb the answers by the sum of both. */
async function integerWidths(
  canonical: Model,
  recipe: Recipe,
  options: WidthsOptions,
): Promise<Unit<BitsOption>[]> {
  const { allowed, record, judge } = options;
  if (!record) return [];
  const stored = storesNarrow(recipe) ? await storedWidths(canonical, recipe, options) : [];
  const how = quantizeOptions(canonical, recipe, record);
  const noises = await layerNoises(canonical, how, judge);
  const rewriter = rewriterOf(canonical.graph);
  const nodes = new Map(weightedNodes(rewriter).map((node) => [node.name, node]));
  const bytesOf = (node: Node | undefined, bits: BitWidth) =>
    (sizeOf(rewriter.constant(node?.inputs[1])?.dims ?? []) * bits) / 8;
  const inOrder = computeLayers(canonical).flatMap((name) => noises.filter((n) => n.name === name));
  return inOrder.map(({ name, noise }) => {
    const whole = allowed(name)
      .filter((bits) => bits === 8 || bits === 32)
      .map((bits) => optionOf(bits, bytesOf(nodes.get(name), bits), bits === 8 ? noise : 0));
    const own = stored.find((unit) => unit.name === name)?.options ?? [];
    const less = own
      .filter(({ bits }) => bits < 8)
      .map(({ bits, bytes, loss }) => optionOf(bits, bytes, loss + noise));
    return { name, options: [...less, ...whole] };
  });
}

function storedWidths(
  canonical: Model,
  recipe: Recipe,
  options: WidthsOptions,
): Promise<Unit<BitsOption>[]> {
  const below = (name: string) => options.allowed(name).filter((bits) => bits < 8);
  const weightOnly = { ...recipe, activations: 32 } as const;
  return narrowWidths(canonical, weightOnly, { ...options, allowed: below });
}

interface Narrowed {
  readonly layer: NarrowLayer;
  readonly bits: BitWidth;
  readonly bytes: number;
}

async function narrowWidths(
  canonical: Model,
  recipe: Recipe,
  { allowed, measure, judge }: WidthsOptions,
): Promise<Unit<BitsOption>[]> {
  const { layers } = narrowLayers(canonical);
  const narrowed = layers.flatMap((layer) => narrowedOf(layer, recipe, allowed));
  const records = await recordsOf(canonical, recipe, {
    widths: new Set(narrowed.map(({ bits }) => bits)),
    measure,
  });
  const changes = narrowed.map(
    ({ layer, bits }) =>
      () =>
        oneNarrow(canonical, recipe, { name: layer.node.name, bits, record: records.get(bits) }),
  );
  const noises = await outputNoises(canonical, changes, judge);
  return layers.map(({ node: { name }, weights }) => {
    const own = narrowed.flatMap(({ layer, bits, bytes }, at) =>
      layer.node.name === name ? [optionOf(bits, bytes, noises[at] ?? 0)] : [],
    );
    const float = allowed(name).includes(32) || own.length === 0;
    return { name, options: float ? [...own, optionOf(32, 4 * weights.length, 0)] : own };
  });
}

function optionOf(bits: BitWidth, bytes: number, loss: number): BitsOption {
  return { name: `${bits} bits`, bits, bytes, ms: 0, loss };
}

/** Widths at which the layer is really narrow. */
function narrowedOf(
  layer: NarrowLayer,
  recipe: Recipe,
  allowed: WidthsOptions['allowed'],
): Narrowed[] {
  return allowed(layer.node.name).flatMap((bits) => {
    const bytes = bytesOfPlan(planOf(layer, bits, { recipe, target: targetOf(recipe) }), layer);
    return bytes === null ? [] : [{ layer, bits, bytes }];
  });
}

function bytesOfPlan(plan: NarrowPlan, { weights }: NarrowLayer): number | null {
  if (plan.kind === 'float') return null;
  return plan.kind === 'half' ? 2 * weights.length : storedBytes(plan);
}

async function recordsOf(
  canonical: Model,
  recipe: Recipe,
  { widths, measure }: { widths: ReadonlySet<BitWidth>; measure: MeasureOptions },
): Promise<Map<BitWidth, MeasureRecord>> {
  const records = new Map<BitWidth, MeasureRecord>();
  for (const bits of widths) {
    if (bits >= 16) continue;
    const uniform = { ...recipe, bits, layers: {}, activations: 32 } as const;
    records.set(bits, await measureNarrow(canonical, uniform, { ...measure, alone: true }));
  }
  return records;
}

function oneNarrow(
  canonical: Model,
  recipe: Recipe,
  { name, bits, record }: { name: string; bits: BitWidth; record: MeasureRecord | undefined },
): Model {
  const weights = entryOf(record?.narrow, name);
  const bias = entryOf(record?.biases, name);
  const one = { ...recipe, bits: 32, activations: 32, layers: { [name]: bits } } as const;
  const { model } = narrowModel(canonical, {
    recipe: one,
    target: targetOf(recipe),
    record: { narrow: weights ? { [name]: weights } : {}, biases: bias ? { [name]: bias } : {} },
  });
  return model;
}
