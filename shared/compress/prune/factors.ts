/**
 * Layers of low rank: two in the place of one, the first of which makes few channels. Pure. The
 * first sees what the layer saw, the second makes of it what the layer made and keeps its name.
 */
import { floatOf, intOf } from '../../onnx/attributes.ts';
import type { Model, Node } from '../../onnx/graph.ts';
import { int, ints } from '../attributes.ts';
import { copyModel } from '../canonical/copy.ts';
import { type NarrowLayer, narrowLayers, transpose } from '../narrow/layers.ts';
import { patchesOf } from '../narrow/patches.ts';
import { rewriterOf } from '../rewriter.ts';
import { floatTensor } from '../tensors.ts';

export interface Factor {
  readonly name: string;
  readonly rank: number;
  /** Weights of the first layer, rank × columns. */
  readonly first: ArrayLike<number>;
}

/** Layers that can be two, by name. */
export function factorable(model: Model): Map<string, NarrowLayer> {
  const { layers } = narrowLayers(model);
  return new Map(layers.filter(isPlain).map((layer) => [layer.node.name, layer]));
}

/** The name of the first of the two. */
export function firstName(layer: string): string {
  return `${layer}.first`;
}

/** A copy with these layers as two, the second of which has weights of zero; or a missing name. */
export function withFactors(model: Model, factors: readonly Factor[]): Model | string {
  const copy = copyModel(model);
  for (const factor of factors) {
    const layer = factorable(copy).get(factor.name);
    if (!layer || factor.first.length !== factor.rank * layer.columns) return factor.name;
    split(copy, layer, factor);
  }
  return copy;
}

function isPlain(layer: NarrowLayer): boolean {
  const { node } = layer;
  const scaled = ['alpha', 'beta'].some((name) => floatOf(node, name, 1) !== 1);
  return !scaled && intOf(node, 'transA', 0) === 0 && patchesOf(layer)?.groups === 1;
}

function split({ graph }: Model, layer: NarrowLayer, { name, rank, first }: Factor): void {
  const rewriter = rewriterOf(graph);
  const { node, dims, rows, transposed } = layer;
  const spatial = dims.slice(2);
  const own = firstName(name);
  const values = transposed ? transpose(Float64Array.from(first), rank) : first;
  const firstDims = transposed ? [layer.columns, rank] : [rank, ...dims.slice(1)];
  const secondDims = transposed ? [rank, rows] : [rows, rank, ...spatial.map(() => 1)];
  const middle = rewriter.fresh(`${own}.output`);
  const before: Node = {
    ...node,
    name: own,
    inputs: [
      node.inputs[0] ?? '',
      rewriter.addConstant(`${own}.weight`, floatTensor(firstDims, values)),
    ],
    outputs: [middle],
    attributes: new Map(node.attributes),
  };
  rewriter.insertBefore(node, before);
  rewriter.setInput(node, 0, middle);
  const zeros = floatTensor(secondDims, new Float32Array(rows * rank));
  const replaced = node.inputs[1] ?? '';
  rewriter.setInput(node, 1, rewriter.addConstant(`${name}.second.weight`, zeros));
  if (rewriter.consumers(replaced).length === 0) graph.initializers.delete(replaced);
  if (node.op !== 'Conv') return;
  for (const attribute of ['pads', 'strides', 'dilations', 'auto_pad']) {
    node.attributes.delete(attribute);
  }
  node.attributes.set('kernel_shape', ints(spatial.map(() => 1)));
  node.attributes.set('group', int(1));
}
