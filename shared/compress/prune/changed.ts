/** Which layers of a pruned model have something else to do than in its source. Pure. */
import type { Model } from '../../onnx/graph.ts';
import { type NarrowLayer, narrowLayers } from '../narrow/layers.ts';
import { rewriterOf } from '../rewriter.ts';
import { addedTo } from './target.ts';

/** Layers that are new, read fewer channels, make another value, or lie behind such. */
export function changedLayers(source: Model, pruned: Model): Set<string> {
  const before = layersByName(source);
  const direct = new Set(
    layersOf(pruned)
      .filter((layer) => {
        const had = before.get(layer.node.name);
        return !had || had.columns !== layer.columns || had.made !== layer.made;
      })
      .map(({ node }) => node.name),
  );
  const known = new Set(source.graph.nodes.map(({ name }) => name));
  const values = new Set<string>();
  const changed = new Set<string>();
  for (const { name, inputs, outputs } of pruned.graph.nodes) {
    const same = known.has(name) && !direct.has(name);
    if (same && !inputs.some((input) => values.has(input))) continue;
    for (const output of outputs) values.add(output);
    changed.add(name);
  }
  return changed;
}

/** Layers that are new or make another value, and all the channels they make. */
export function retargetedLayers(source: Model, pruned: Model): Map<string, number[]> {
  const before = layersByName(source);
  return new Map(
    layersOf(pruned)
      .filter(({ node, made }) => before.get(node.name)?.made !== made)
      .map(({ node, rows }) => [node.name, Array.from({ length: rows }, (_, at) => at)]),
  );
}

interface Made extends NarrowLayer {
  /** The value that it makes, or the sum that it makes with another. */
  readonly made: string;
}

function layersOf(model: Model): Made[] {
  const rewriter = rewriterOf(model.graph);
  return narrowLayers(model).layers.map((layer) => {
    const [own = ''] = layer.node.outputs;
    return { ...layer, made: addedTo(own, rewriter)?.sum ?? own };
  });
}

function layersByName(model: Model): Map<string, Made> {
  return new Map(layersOf(model).map((layer) => [layer.node.name, layer]));
}
