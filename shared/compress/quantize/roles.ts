/**
 * What an operator is to 8-bit arithmetic on ONNX Runtime's CPU kernels: the fusions of
 * core/optimizer/qdq_transformer/selectors_actions/qdq_selector_action_transformer.cc.
 */
import { floatOf, intOf, isDilated, textOf } from '../../onnx/attributes.ts';
import type { Node, Tensor } from '../../onnx/graph.ts';
import { whyNoKernel as whyNone } from '../../onnx/layers.ts';
import { own } from '../../own.ts';
import type { Rewriter } from '../rewriter.ts';
import { floatsOf } from '../tensors.ts';

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
  const role = own(roles, node.op) ?? 'other';
  if (role === 'compute') return whyNoKernel(node, rewriter) === undefined ? 'compute' : 'other';
  if (node.op === 'MaxPool' && (node.outputs[1] ?? '') !== '') return 'other';
  if (node.op === 'Resize' && !picksNearest(node)) return 'other';
  // The integer kernel of the mean knows no dilation (qlinear_pool.cc).
  if (node.op === 'AveragePool' && isDilated(node)) return 'other';
  return role;
}

/** Takes numbers from its input and no others: a crop may reach beyond it. */
function picksNearest(node: Node): boolean {
  const crops = textOf(node, 'coordinate_transformation_mode', '') === 'tf_crop_and_resize';
  return textOf(node, 'mode', 'nearest') === 'nearest' && !crops;
}

function isAllFinite(tensor: Tensor): boolean {
  return floatsOf(tensor)?.every(Number.isFinite) ?? false;
}

/** Why a layer cannot be computed in integers; undefined where it can. */
export function whyNoKernel(node: Node, rewriter: Rewriter): string | undefined {
  const reason = whyNone(node, rewriter.constant);
  const weight = rewriter.constant(node.inputs[1]);
  if (reason !== undefined || !weight) return reason;
  if (!isAllFinite(weight)) return 'its weights are not finite';
  const biases = rewriter.constant(node.inputs[2]);
  if (biases && !isAllFinite(biases)) return 'its bias is not finite';
  if (node.op !== 'Gemm') return undefined;
  const scaled = floatOf(node, 'alpha', 1) !== 1 || floatOf(node, 'beta', 1) !== 1;
  if (intOf(node, 'transB', 0) !== 1 || scaled) return 'its operands are transposed or scaled';
  const wide = biases && biases.dims.join() !== `${weight.dims[0]}`;
  return wide ? 'its bias is not one number per output' : undefined;
}
