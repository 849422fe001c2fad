/**
 * Reads the exponents of a fixed-point model back from its graph: what a DSP needs beside the
 * integers.
 */
import type { Model, Node } from '../../onnx/graph.ts';
import type { LayerReport } from '../report.ts';
import { type Rewriter, rewriterOf } from '../rewriter.ts';
import { floatsOf } from '../tensors.ts';

export const powerNotes: readonly string[] = [
  'Fixed point: every scale is a power of two, one for each tensor; ' +
    'a signed activation is stored with 128 added.',
];

/** The layers with the p of their weights, input and bias. */
export function withExponents(model: Model, layers: readonly LayerReport[]): LayerReport[] {
  const rewriter = rewriterOf(model.graph);
  const nodes = new Map(model.graph.nodes.map((node) => [node.name, node]));
  return layers.map((layer) => {
    const node = nodes.get(layer.name);
    if (layer.compute === 'float' || !node) return layer;
    const [input, weights, bias] = [0, 1, 2].map((at) => exponentOf(node, at, rewriter));
    if (input === undefined || weights === undefined) return layer;
    const fixedPoint = { input, weights, ...(bias !== undefined && { bias }) };
    const said = `x·2^${input}, W·2^${weights}${bias === undefined ? '' : `, bias·2^${bias}`}`;
    return { ...layer, fixedPoint, reason: `${layer.reason}; fixed point ${said}` };
  });
}

/** p of what the node reads there through DequantizeLinear. */
function exponentOf(node: Node, at: number, rewriter: Rewriter): number | undefined {
  const reader = rewriter.producer(node.inputs[at] ?? '');
  if (reader?.op !== 'DequantizeLinear') return undefined;
  const [scale] = floatsOf(rewriter.constant(reader.inputs[1])) ?? [];
  return scale === undefined ? undefined : Math.round(-Math.log2(scale)) + 0;
}
