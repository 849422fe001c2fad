/**
 * Which layer of a variant a node of the runtime's optimized graph computes: it is named after what
 * it was made from. Pure.
 */
import type { Graph } from '../../shared/onnx/graph.ts';
import { type LayerNamed, layerOps } from './node-profile.ts';

/**
 * Layers are named by their node, or its first output where that has no name. The runtime names a
 * fused node after the node, with something behind it (`conv_token_3`, `matmul/MatMulAddFusion`) or
 * before it (`fused gemm`), or after the value that it makes (`relu_output_nchwc`), which may be of
 * an activation behind the layer (onnxruntime/core/optimizer: selectors_actions/actions.cc,
 * matmul_add_fusion.cc, gemm_activation_fusion.cc, nchwc_transformer.cc).
 */
export function layersByName(
  { nodes }: Pick<Graph, 'nodes'>,
  layers: readonly string[],
): LayerNamed {
  const known = namesIn(nodes, layers);
  return (name) => {
    for (let end = name.length; end > 0; end = lastJoint(name, end)) {
      const found = known.get(name.slice(0, end).replace(/^fused /, ''));
      if (found !== undefined) return found;
    }
    return null;
  };
}

/** Where the last word before `end` begins; 0 where there is none. */
function lastJoint(name: string, end: number): number {
  return Math.max(0, name.lastIndexOf('_', end - 1), name.lastIndexOf('/', end - 1));
}

/**
 * Nodes by their names, and values by the last layer that they come from, unless something between
 * computes as much as a layer; null where that is none.
 */
function namesIn(
  nodes: Graph['nodes'],
  layers: readonly string[],
): ReadonlyMap<string, number | null> {
  const places = new Map(layers.map((layer, at) => [layer, at]));
  const others = new Map<string, null>();
  const values = new Map<string, number | null>();
  for (const { name, op, inputs, outputs } of nodes) {
    const own = places.get(name) ?? places.get(outputs[0] ?? '');
    const last = Math.max(-1, ...inputs.map((input) => values.get(input) ?? -1));
    const from = last < 0 || layerOps.includes(op) ? null : last;
    if (own === undefined) others.set(name, null);
    for (const output of outputs) values.set(output, own ?? from);
  }
  return new Map([...others, ...values, ...places]);
}
