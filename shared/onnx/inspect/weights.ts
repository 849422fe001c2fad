/** Operators with weights: where these lie, and how many multiplications one run takes. */
import { intOf } from '../attributes.ts';
import { elementCount } from '../elements.ts';
import type { Dimension, Node } from '../graph.ts';
import type { View } from './values.ts';

/** The input that holds the weights, by operator. */
const weightInputs: ReadonlyMap<string, number> = new Map([
  ['Conv', 1],
  ['ConvTranspose', 1],
  ['ConvInteger', 1],
  ['Gemm', 1],
  ['MatMul', 1],
  ['MatMulInteger', 1],
  ['MatMulNBits', 1],
  ['QGemm', 3],
  ['QLinearConv', 3],
  ['QLinearMatMul', 3],
  ['FusedConv', 1],
  ['FusedGemm', 1],
  ['FusedMatMul', 1],
  ['LSTM', 1],
  ['GRU', 1],
  ['RNN', 1],
]);

export function weightInput(node: Node): number | undefined {
  return weightInputs.get(node.op);
}

/**
 * Multiply-accumulates of one run (MLPerf counts alike: bias and activation are left out), sizes
 * that vary taken as 1. null where a needed shape is not known; 0 for operators that are no
 * products.
 */
export function multiplyAdds(view: View, node: Node): number | null {
  const at = weightInput(node);
  if (at === undefined) return 0;
  const shape = (name: string | undefined) => sizes(view.shapes.get(name ?? '')?.dims ?? null);
  const weights = shape(node.inputs[at]);
  const input = shape(node.inputs[0]);
  const output = shape(node.outputs[0]);
  if (node.op === 'MatMulNBits') return output && elementCount(output) * intOf(node, 'K', 0);
  if (!weights || !input || !output) return null;
  switch (node.op) {
    case 'ConvTranspose':
      return elementCount(input) * elementCount(weights.slice(1));
    case 'LSTM':
    case 'GRU':
    case 'RNN': {
      const recurrent = shape(node.inputs[2]);
      const runs = (input[0] ?? 1) * (input[1] ?? 1);
      return recurrent && runs * (elementCount(weights) + elementCount(recurrent));
    }
    default:
      return isConvolution(node)
        ? elementCount(output) * elementCount(weights.slice(1))
        : elementCount(output) * innerSize(node, input);
  }
}

function isConvolution(node: Node): boolean {
  return node.op.includes('Conv');
}

function innerSize(node: Node, input: readonly number[]): number {
  const transposed = intOf(node, 'transA', 0) === 1;
  return (transposed ? input.at(-2) : input.at(-1)) ?? 1;
}

function sizes(dims: readonly Dimension[] | null): number[] | null {
  if (!dims) return null;
  return dims.map((size) => (typeof size === 'number' ? size : 1));
}
