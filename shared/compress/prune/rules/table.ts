/** Which rule follows channels through which operator. Operators that are not here freeze them. */
import type { Node } from '../../../onnx/graph.ts';
import type { Tracker } from '../tracker.ts';
import { alongAxis, broadcasts, passes, pools, reduces, resizes } from './elementwise.ts';
import {
  convolution,
  gemm,
  linear,
  matMul,
  normalization,
  transposedConvolution,
} from './layers.ts';
import { concatenates, pads, slices, splits, transposes } from './layout.ts';
import { reshapes } from './reshape.ts';

/** False where the node's form is not understood; nothing is then known of its outputs. */
export type Rule = (node: Node, tracker: Tracker) => boolean;

export function ruleFor(node: Node): Rule | undefined {
  return node.domain === '' && Object.hasOwn(rules, node.op) ? rules[node.op] : undefined;
}

function each(ops: string, rule: Rule): Record<string, Rule> {
  return Object.fromEntries(ops.split(' ').map((op) => [op, rule]));
}

const rules: Readonly<Record<string, Rule>> = {
  ...each('Abs Cast Ceil Celu Clip Cos Dropout Elu Erf Exp Floor Gelu HardSigmoid', passes),
  ...each('HardSwish Identity LeakyRelu Log Mish Neg Not Reciprocal Relu Round Selu', passes),
  ...each('Sigmoid Sign Sin Softplus Softsign Sqrt Swish Tanh ThresholdedRelu', passes),
  ...each('Add And Div Equal Greater Less Max Mean Min Mul Or PRelu Pow Sub Sum Where', broadcasts),
  ...each('AveragePool GlobalAveragePool GlobalLpPool GlobalMaxPool LpPool MaxPool', pools),
  ...each('ReduceL1 ReduceL2 ReduceMax ReduceMean ReduceMin ReduceSum', reduces),
  ...each('LogSoftmax Softmax', alongAxis(-1)),
  ...each('Flatten Reshape Squeeze Unsqueeze', reshapes),
  ...each('BatchNormalization InstanceNormalization', normalization),
  ...each('DequantizeLinear QuantizeLinear', linear),
  Concat: concatenates,
  Conv: convolution,
  ConvTranspose: transposedConvolution,
  Gemm: gemm,
  MatMul: matMul,
  Pad: pads,
  Resize: resizes,
  Slice: slices,
  Split: splits,
  Transpose: transposes,
};
