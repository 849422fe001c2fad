/** The order in which layers are fitted, and which values are final when a layer's turn comes. */
import type { Model } from '../../onnx/graph.ts';
import { rewriterOf } from '../rewriter.ts';
import type { MixingLayer } from './layers.ts';
import { addedTo } from './target.ts';

export interface FitOrder {
  readonly layers: readonly MixingLayer[];
  settledBefore(layer: MixingLayer): (value: string) => boolean;
}

/**
 * In the order of the graph, except that of two layers that are summed the one with fewer columns
 * comes first: the other, which can do more, then makes up for both.
 */
export function settledValues(model: Model, layers: readonly MixingLayer[]): FitOrder {
  const above = layersAbove(model, layers);
  const order = [...layers];
  const rewriter = rewriterOf(model.graph);
  for (const layer of layers) {
    const sum = addedTo(layer.node.outputs[0] ?? '', rewriter);
    const other = order.find(({ node }) => node.outputs[0] === sum?.other);
    const [at, to] = [other ? order.indexOf(other) : -1, order.indexOf(layer)];
    if (!other || at < to || other.columns >= layer.columns) continue;
    const needed = above(other.node.inputs[0] ?? '');
    const ready = new Set(order.slice(0, to).map(({ node }) => node.name));
    if (![...needed].every((name) => ready.has(name))) continue;
    order.splice(at, 1);
    order.splice(to, 0, other);
  }
  return {
    layers: order,
    settledBefore(layer) {
      const done = new Set(order.slice(0, order.indexOf(layer)).map(({ node }) => node.name));
      return (value) => [...above(value)].every((name) => done.has(name));
    },
  };
}

/** Names of the layers that a value is made with. */
function layersAbove(
  model: Model,
  layers: readonly MixingLayer[],
): (value: string) => ReadonlySet<string> {
  const names = new Set(layers.map(({ node }) => node.name));
  const known = new Map<string, ReadonlySet<string>>();
  for (const node of model.graph.nodes) {
    const own = new Set(node.inputs.flatMap((input) => [...(known.get(input) ?? [])]));
    if (names.has(node.name)) own.add(node.name);
    for (const output of node.outputs) known.set(output, own);
  }
  return (value) => known.get(value) ?? new Set();
}
