/**
 * Layers that share weights share them in the variant too: constants that hold the same are stored
 * once, and what unpacks them is there once.
 */
import type { Graph, Node, Tensor } from '../onnx/graph.ts';
import { type Rewriter, rewriterOf } from './rewriter.ts';

/** Smaller constants that happen to be equal are no shared weights. */
const weightBytesMin = 1024;

/** Edits the graph in place; one without shared weights stays as it is. */
export function shareConstants(graph: Graph): void {
  const rewriter = rewriterOf(graph);
  if (shareFrom(weightBytesMin, rewriter) === 0) return;
  // Their scales, zeros and biases as well.
  shareFrom(0, rewriter);
  shareUnpacking(rewriter);
}

/** How many constants of at least so many bytes went. */
function shareFrom(bytesMin: number, rewriter: Rewriter): number {
  const { initializers } = rewriter.graph;
  const kept = new Map<string, { readonly name: string; readonly tensor: Tensor }[]>();
  let count = 0;
  for (const [name, tensor] of [...initializers]) {
    if (tensor.bytes.length < bytesMin || tensor.strings || rewriter.pinned(name)) continue;
    const key = `${tensor.type} ${tensor.dims} ${sumOf(tensor.bytes)}`;
    const alike = kept.get(key) ?? [];
    const same = alike.find((one) => Buffer.compare(one.tensor.bytes, tensor.bytes) === 0);
    if (same === undefined) {
      kept.set(key, [...alike, { name, tensor }]);
      continue;
    }
    rewriter.rewire(name, same.name);
    initializers.delete(name);
    count += 1;
  }
  return count;
}

/** Tells most constants apart without comparing them. */
function sumOf(values: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < values.length; at += 1) sum = (Math.imul(sum, 31) + (values[at] ?? 0)) | 0;
  return sum;
}

/** The runtime gives each layer a DequantizeLinear of its own again when it fuses them. */
function shareUnpacking(rewriter: Rewriter): void {
  const kept = new Map<string, Node>();
  for (const node of [...rewriter.graph.nodes]) {
    const [output = ''] = node.outputs;
    const constant = node.inputs.every((input) => rewriter.constant(input) !== undefined);
    if (node.op !== 'DequantizeLinear' || !constant || rewriter.pinned(output)) continue;
    const axis = node.attributes.get('axis');
    const key = `${node.inputs.join('\n')}\n${axis?.kind === 'int' ? axis.value : 1}`;
    const same = kept.get(key);
    if (same === undefined) {
      kept.set(key, node);
      continue;
    }
    rewriter.rewire(output, same.outputs[0] ?? '');
    rewriter.remove(node);
  }
}
