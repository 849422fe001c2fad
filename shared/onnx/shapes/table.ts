/**
 * Which rule finds out the outputs of which operator. An operator that is not here has unknown
 * outputs.
 */
import type { Node } from '../graph.ts';
import {
  cast,
  castLike,
  constant,
  constantOfShape,
  dequantize,
  dynamicQuantize,
  likeWithType,
  quantize,
  random,
  range,
  shapeOf,
  sizeOf,
} from './constants.ts';
import {
  broadcasts,
  compares,
  computes,
  likeFirst,
  mapsElements,
  passes,
  shapedLike,
  where,
} from './elementwise.ts';
import { broadcast, type Rule } from './known.ts';
import {
  concat,
  depthSpace,
  expand,
  flatten,
  reshape,
  split,
  squeeze,
  tile,
  transpose,
  unsqueeze,
} from './layout.ts';
import { fusedMatmul, gemm, matmul, matmulNBits, recurrent } from './matrix.ts';
import { argument, reduce } from './reduce.ts';
import {
  gather,
  gatherElements,
  gatherNd,
  gridSample,
  nonMaxSuppression,
  nonZero,
  oneHot,
  pad,
  resize,
  slice,
  topK,
} from './select.ts';
import {
  convolution,
  globalPooling,
  globalPoolingEitherLayout,
  pooling,
  transposedConvolution,
} from './windows.ts';

/** Dropout, LayerNormalization's kin: further outputs are left unknown. */
const firstLikeFirst =
  'Abs Acos Acosh Asin Asinh Atan Atanh BatchNormalization BitwiseNot Celu Clip Cos Cosh CumSum ' +
  'Elu Erf Exp Gelu GroupNormalization HardSigmoid HardSwish Hardmax InstanceNormalization LRN ' +
  'LayerNormalization LeakyRelu Log LogSoftmax LpNormalization MeanVarianceNormalization Mish ' +
  'Neg PRelu RMSNormalization Reciprocal Relu ReverseSequence Round Scatter ScatterElements ' +
  'ScatterND Selu Shrink Sigmoid Sign SimplifiedLayerNormalization Sin Sinh Softmax Softplus ' +
  'Softsign Sqrt Swish Tan Tanh ThresholdedRelu Trilu';
const broadcasting = 'BitShift BitwiseAnd BitwiseOr BitwiseXor Mean Mod Pow Sum';
const comparing = 'And Greater GreaterOrEqual Less LessOrEqual Or Xor';
const reducing =
  'ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ' +
  'ReduceSum ReduceSumSquare';

function each(names: string, rule: Rule): Record<string, Rule> {
  return Object.fromEntries(names.split(' ').map((name) => [name, rule]));
}

/** The mask has the shape of the data and, below opset 10, its type. */
const dropout: Rule = ({ input, opset }) => {
  const { type, dims } = input(0);
  return [
    { type, dims },
    { type: opset < 10 ? type : 'bool', dims },
  ];
};

const onnx: Readonly<Record<string, Rule>> = {
  ...each(firstLikeFirst, likeFirst),
  ...each(broadcasting, broadcasts),
  ...each(comparing, compares),
  ...each(reducing, reduce),
  ...each('IsInf IsNaN Not', shapedLike('bool')),
  ...each('AveragePool LpPool MaxPool', pooling),
  ...each('GlobalAveragePool GlobalLpPool GlobalMaxPool', globalPooling),
  ...each('GRU LSTM RNN', recurrent),
  ...each('Resize Upsample', resize),
  ...each('ArgMax ArgMin', argument('int64')),
  ...each('Bernoulli EyeLike RandomNormalLike RandomUniformLike', likeWithType),
  ...each('RandomNormal RandomUniform', random),
  Add: computes('Add'),
  Cast: cast,
  CastLike: castLike,
  Ceil: mapsElements(Math.ceil),
  Concat: concat(0, 1),
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Conv: convolution({ weight: 1 }),
  ConvInteger: convolution({ weight: 1, type: 'int32' }),
  ConvTranspose: transposedConvolution,
  DepthToSpace: depthSpace('up'),
  DequantizeLinear: dequantize,
  Div: computes('Div'),
  Dropout: dropout,
  DynamicQuantizeLinear: dynamicQuantize,
  Equal: computes('Equal'),
  Expand: expand,
  Flatten: flatten,
  Floor: mapsElements(Math.floor),
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherNd,
  Gemm: gemm(1),
  GridSample: gridSample,
  Identity: passes,
  MatMul: matmul({ second: 1 }),
  MatMulInteger: matmul({ second: 1, type: 'int32' }),
  Max: computes('Max'),
  Min: computes('Min'),
  Mul: computes('Mul'),
  NonMaxSuppression: nonMaxSuppression,
  NonZero: nonZero,
  OneHot: oneHot,
  Pad: pad,
  QLinearConv: convolution({ weight: 3 }),
  QLinearMatMul: matmul({ second: 3 }),
  QuantizeLinear: quantize,
  Range: range,
  Reshape: reshape,
  Shape: shapeOf,
  Size: sizeOf,
  Slice: slice,
  SpaceToDepth: depthSpace('down'),
  Split: split,
  Squeeze: squeeze,
  Sub: computes('Sub'),
  Tile: tile,
  TopK: topK,
  Transpose: transpose,
  Unsqueeze: unsqueeze,
  Where: where,
};

/** A with scale and zero point, then B with its own (contrib_ops/cpu/quantization, QLinearAdd). */
const quantizedBinary: Rule = ({ input }) => [
  { type: input(0).type, dims: broadcast([input(0).dims, input(3).dims]) },
];

/** The runtime's own operators, which already quantized or optimized files hold. */
const microsoft: Readonly<Record<string, Rule>> = {
  ...each('QLinearAdd QLinearMul', quantizedBinary),
  ...each('QLinearLeakyRelu QLinearSigmoid QLinearSoftmax', likeFirst),
  ...each('BiasGelu FastGelu Gelu QuickGelu', likeFirst),
  ...each('DynamicQuantizeMatMul MatMulIntegerToFloat', matmul({ second: 1, type: 'float' })),
  DequantizeLinear: dequantize,
  FusedConv: convolution({ weight: 1 }),
  FusedGemm: gemm(1),
  FusedMatMul: fusedMatmul,
  MatMulNBits: matmulNBits,
  QGemm: gemm(3),
  QLinearAveragePool: pooling,
  QLinearConcat: concat(2, 3),
  QLinearGlobalAveragePool: globalPoolingEitherLayout,
  QuantizeLinear: quantize,
};

const byDomain: ReadonlyMap<string, Readonly<Record<string, Rule>>> = new Map([
  ['', onnx],
  ['com.microsoft', microsoft],
]);

export function ruleOf(node: Node): Rule | undefined {
  const rules = byDomain.get(node.domain);
  return rules && Object.hasOwn(rules, node.op) ? rules[node.op] : undefined;
}
