/**
 * Layers that compute in 8 bits and are stored in 4 or 2: their weights are rounded to blocks
 * first, and the blocks' values then quantized to the integers of the kernel, as the runtime does
 * again when it loads the model.
 */

import type { Model } from '../../onnx/graph.ts';
import { own as entryOf } from '../../own.ts';
import { type BlockShape, type BlockWeights, roundToNearest } from '../blockwise/blocks.ts';
import { copyModel } from '../canonical/copy.ts';
import { computeLayers } from '../quantize/quantize.ts';
import { type Recipe, storesNarrow } from '../recipe.ts';
import type { MeasureRecord } from '../record.ts';
import { floatByRecipe, floatByTable } from '../stay-float.ts';
import { targetOf } from '../targets.ts';
import { decodeWeights } from './encode.ts';
import { type NarrowLayer, narrowLayers } from './layers.ts';
import { defaultBlock, storageBlock, storedBytes } from './plan.ts';
import { replaceWeights } from './replace.ts';

export interface StoredLayer {
  readonly layer: NarrowLayer;
  readonly shape: BlockShape;
}

/** What the nodes that quantize unpacked weights take beside those that unpack them. */
const quantizeNodeBytes = 200;

/** Those of the model that the recipe gives fewer than 8 bits, where that saves bytes. */
export function storedLayers(model: Model, recipe: Recipe): StoredLayer[] {
  const float = {
    ...floatByRecipe(model, recipe),
    ...floatByTable(model.graph, targetOf(recipe), recipe.layers ?? {}),
  };
  const integer = new Set(computeLayers(model).filter((name) => !(name in float)));
  return narrowLayers(model).layers.flatMap((layer) => {
    const { rows, columns, node } = layer;
    const bits = entryOf(recipe.layers, node.name) ?? recipe.bits;
    if (!integer.has(node.name) || (bits !== 4 && bits !== 2)) return [];
    const blockSize = storageBlock(columns, recipe.blockSize ?? defaultBlock[bits]);
    const shape = { bits, rows, columns, blockSize };
    const bytes = storedBytes({ form: 'unpack', shape }) + quantizeNodeBytes;
    return bytes < layer.weights.length ? [{ layer, shape }] : [];
  });
}

export interface Stored {
  /** The float model whose weights are what the blocks stand for. */
  readonly model: Model;
  readonly blocks: ReadonlyMap<string, BlockWeights>;
}

/**
 * The model as it was rounded; layers that the record does not name are rounded to the nearest
 * level. Throws `VARIANT_FAILED` where the record is of other layers.
 */
export function storedModel(
  canonical: Model,
  recipe: Recipe,
  { narrow = {} }: Pick<MeasureRecord, 'narrow'>,
): Stored {
  const blocks = new Map<string, BlockWeights>();
  if (!storesNarrow(recipe)) return { model: canonical, blocks };
  const model = copyModel(canonical);
  for (const { layer, shape } of storedLayers(model, recipe)) {
    const { name } = layer.node;
    const own = entryOf(narrow, name);
    const rounded = own ? decodeWeights(own, shape, name) : roundToNearest(layer.weights, shape);
    blocks.set(name, rounded);
    replaceWeights(model, layer, { blocks: rounded, bias: own?.bias ?? [] });
  }
  return { model, blocks };
}
