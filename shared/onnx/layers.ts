/**
 * The layers of a model: nodes that hold constant weights, and why one has no 8-bit kernel in the
 * runtime (core/optimizer/qdq_transformer/selectors_actions/qdq_selector_action_transformer.cc).
 * One table for all that speak of layers.
 */
import { intOf, textOf } from './attributes.ts';
import type { Dimension, ElementType, Node } from './graph.ts';

/** What is known of a value that is the same in every run; undefined for any other value. */
export type ConstantOf = (value: string | undefined) =>
  | {
      readonly type: ElementType | null;
      readonly dims: readonly Dimension[] | null;
    }
  | undefined;

/** Inputs that may hold weights. Those of products of two operands are weights where constant. */
const weightInputs: Readonly<Record<string, readonly number[]>> = {
  Conv: [1],
  ConvTranspose: [1],
  Gemm: [1],
  MatMul: [1, 0],
  LSTM: [1, 2],
  GRU: [1, 2],
  RNN: [1, 2],
  Gather: [0],
  Einsum: [0, 1, 2, 3],
};

/** Why the operator never has an integer kernel. */
const withoutKernel: Readonly<Record<string, string>> = {
  ConvTranspose: 'no 8-bit kernel in the runtime for transposed convolutions',
  LSTM: 'recurrent layers have no static 8-bit kernel',
  GRU: 'recurrent layers have no static 8-bit kernel',
  RNN: 'recurrent layers have no static 8-bit kernel',
  Gather: 'a table that is looked up has nothing to compute',
  Einsum: 'no 8-bit kernel for Einsum',
};

/** The inputs of the node that hold float weights; none where it is no layer. */
export function weightsOf(node: Node, constant: ConstantOf): readonly number[] {
  const possible = node.domain === '' ? (weightInputs[node.op] ?? []) : [];
  const held = possible.filter((at) => {
    const weights = constant(node.inputs[at]);
    return weights?.type === 'float' && (weights.dims ?? []).length > 1;
  });
  // Where all operands are constant the node is the same in every run: no layer.
  return held.length === node.inputs.length ? [] : held;
}

/** Why a layer cannot compute in integers; undefined where it can. */
export function whyNoKernel(node: Node, constant: ConstantOf): string | undefined {
  const told = withoutKernel[node.op];
  if (told !== undefined) return told;
  const weight = constant(node.inputs[1]);
  if (!weight) {
    return constant(node.inputs[0]) && node.op === 'MatMul'
      ? 'its weights are the left operand, for which there is no kernel'
      : 'its weights are not constant';
  }
  if (weight.type !== 'float') return `its weights are ${weight.type}, not float`;
  if (constant(node.inputs[0])) return 'its input is constant';
  const bias = node.inputs[2] ?? '';
  if (bias !== '' && constant(bias)?.type !== 'float') return 'its bias is not constant';
  return whyNoneForShape(node, weight.dims?.length ?? 0);
}

function whyNoneForShape(node: Node, rank: number): string | undefined {
  switch (node.op) {
    case 'Conv':
      return rank === 4 || rank === 3
        ? undefined
        : 'only maps of one or two dimensions have a kernel';
    case 'Gemm':
      return intOf(node, 'transA', 0) === 0 ? undefined : 'its operands are transposed or scaled';
    case 'MatMul':
      return rank === 2 ? undefined : 'its weights are not a matrix';
    default:
      return 'its operator has no integer kernel';
  }
}

/**
 * Axes of the weights at the input along which each index has a scale of its own: those of output
 * channels, as far as sums do not run along them.
 */
export function channelAxes(node: Node, at: number, rank: number): ReadonlySet<number> {
  const all = Array.from({ length: rank }, (_, axis) => axis);
  switch (node.op) {
    case 'MatMul':
      return new Set(all.filter((axis) => axis !== (at === 1 ? rank - 2 : rank - 1)));
    case 'Gemm':
      return new Set([intOf(node, 'transB', 0) === 1 ? 0 : 1]);
    case 'ConvTranspose':
      return new Set([1]);
    case 'LSTM':
    case 'GRU':
    case 'RNN':
      return new Set([0, 1]);
    case 'Einsum':
      return new Set(all.filter((axis) => !summed(node, at, { axis, rank })));
    default:
      return new Set([0]);
  }
}

/** Whether a sum runs along the axis of the operand; all do where the equation is not plain. */
function summed(node: Node, at: number, { axis, rank }: { axis: number; rank: number }): boolean {
  const [left = '', right] = textOf(node, 'equation', '').replaceAll(' ', '').split('->');
  const letters = left.split(',')[at] ?? '';
  if (right === undefined || !/^[a-zA-Z]+$/.test(letters) || letters.length !== rank) return true;
  return !right.includes(letters[axis] ?? '');
}
