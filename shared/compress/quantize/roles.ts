/**
 * What an operator is to 8-bit arithmetic on ONNX Runtime's CPU kernels: the fusions of
 * core/optimizer/qdq_transformer/selectors_actions/qdq_selector_action_transformer.cc.
 */
import { intOf, textOf } from '../../onnx/attributes.ts';
import type { Node } from '../../onnx/graph.ts';
import type { Rewriter } from '../rewriter.ts';

export type Role =
  /** Multiplies activations with constant weights: what 8 bits are for. */
  | 'compute'
  /** Joins activations that have scales of their own. */
  | 'combine'
  /** Has an integer kernel with one activation in and one out. */
  | 'unary'
  /** Moves or selects numbers and never changes one: in and out share a scale. */
  | 'through'
  /** A bound that the saturation of the quantizer before it already is. */
  | 'bound'
  | 'other';

const roles: Readonly<Record<string, Role>> = {
  Conv: 'compute',
  Gemm: 'compute',
  MatMul: 'compute',
  Add: 'combine',
  Mul: 'combine',
  Concat: 'combine',
  AveragePool: 'unary',
  GlobalAveragePool: 'unary',
  LeakyRelu: 'unary',
  Sigmoid: 'unary',
  MaxPool: 'through',
  Reshape: 'through',
  Flatten: 'through',
  Transpose: 'through',
  Squeeze: 'through',
  Unsqueeze: 'through',
  Slice: 'through',
  Resize: 'through',
  Relu: 'bound',
  Clip: 'bound',
};

/** The role of a node in this graph: an operator's role where this use of it has the kernel. */
export function roleOf(node: Node, rewriter: Rewriter): Role {
  if (node.domain !== '') return 'other';
  const role = roles[node.op] ?? 'other';
  if (role === 'compute') return whyNoKernel(node, rewriter) === undefined ? 'compute' : 'other';
  if (node.op === 'MaxPool' && (node.outputs[1] ?? '') !== '') return 'other';
  if (node.op === 'Resize' && textOf(node, 'mode', 'nearest') !== 'nearest') return 'other';
  return role;
}

/** Why a Conv, Gemm or MatMul cannot be computed in integers; undefined where it can. */
export function whyNoKernel(node: Node, rewriter: Rewriter): string | undefined {
  const weight = rewriter.constant(node.inputs[1]);
  if (!weight) return 'its weights are not constant';
  if (weight.type !== 'float') return `its weights are ${weight.type}, not float`;
  if (rewriter.constant(node.inputs[0])) return 'its input is constant';
  const bias = node.inputs[2] ?? '';
  if (bias !== '' && rewriter.constant(bias)?.type !== 'float') return 'its bias is not constant';
  switch (node.op) {
    case 'Conv':
      return weight.dims.length === 4 || weight.dims.length === 3
        ? undefined
        : 'only maps of one or two dimensions have a kernel';
    case 'Gemm': {
      const plain = intOf(node, 'transA', 0) === 0 && intOf(node, 'transB', 0) === 1;
      return plain ? undefined : 'its operands are transposed or scaled';
    }
    case 'MatMul':
      return weight.dims.length === 2 ? undefined : 'its weights are not a matrix';
    default:
      return 'its operator has no integer kernel';
  }
}
