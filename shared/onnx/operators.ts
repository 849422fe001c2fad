/**
 * The operators of the ONNX domain, by the opset that brought them (docs/Operators.md of ONNX
 * 1.23). To extend it, list `onnx.defs.get_all_schemas_with_history()` of a newer release: the
 * lowest `since_version` of each name.
 */

/** The newest opset that this table knows. */
export const newestOpset = 28;

const since: Readonly<Record<number, string>> = {
  1:
    'Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast Ceil Clip Concat ' +
    'Constant Conv ConvTranspose DepthToSpace Div Dropout Elu Equal Exp Flatten Floor GRU ' +
    'Gather Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool Greater HardSigmoid Hardmax ' +
    'Identity If InstanceNormalization LRN LSTM LeakyRelu Less Log LogSoftmax Loop ' +
    'LpNormalization LpPool MatMul Max MaxPool MaxRoiPool Mean Min Mul Neg Not Or PRelu Pad ' +
    'Pow RNN RandomNormal RandomNormalLike RandomUniform RandomUniformLike Reciprocal ' +
    'ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ' +
    'ReduceProd ReduceSum ReduceSumSquare Relu Reshape Selu Shape Sigmoid Size Slice ' +
    'Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Tanh Tile TopK ' +
    'Transpose Unsqueeze Upsample Xor',
  7: 'Acos Asin Atan Cos Multinomial Sin Tan',
  8: 'Expand Scan',
  9:
    'Acosh Asinh Atanh Compress ConstantOfShape Cosh Erf EyeLike IsNaN MaxUnpool ' +
    'MeanVarianceNormalization NonZero OneHot Scatter Shrink Sign Sinh TfIdfVectorizer ' +
    'Where',
  10:
    'ConvInteger DequantizeLinear IsInf MatMulInteger Mod NonMaxSuppression QLinearConv ' +
    'QLinearMatMul QuantizeLinear Resize ReverseSequence RoiAlign StringNormalizer ' +
    'ThresholdedRelu',
  11:
    'BitShift ConcatFromSequence CumSum Det DynamicQuantizeLinear GatherElements GatherND ' +
    'Range Round ScatterElements ScatterND SequenceAt SequenceConstruct SequenceEmpty ' +
    'SequenceErase SequenceInsert SequenceLength SplitToSequence Unique',
  12:
    'Celu Einsum GreaterOrEqual LessOrEqual NegativeLogLikelihoodLoss ' + 'SoftmaxCrossEntropyLoss',
  14: 'HardSwish Trilu',
  15: 'Bernoulli CastLike Optional OptionalGetElement OptionalHasElement',
  16: 'GridSample',
  17:
    'BlackmanWindow DFT HammingWindow HannWindow LayerNormalization MelWeightMatrix STFT ' +
    'SequenceMap',
  18:
    'BitwiseAnd BitwiseNot BitwiseOr BitwiseXor CenterCropPad Col2Im GroupNormalization ' + 'Mish',
  19: 'DeformConv',
  20: 'AffineGrid Gelu ImageDecoder RegexFullMatch StringConcat StringSplit',
  23: 'Attention RMSNormalization RotaryEmbedding',
  24: 'Swish TensorScatter',
  26: 'BitCast CumProd',
  27: 'CausalConvWithState LinearAttention',
  28: 'SwiGLU',
};

/** Operators that a later opset took away: the last opset that has them. */
const until: ReadonlyMap<string, number> = new Map([
  ['Upsample', 9],
  ['Scatter', 10],
]);

/**
 * What ONNX Runtime itself registers in the ONNX domain (`onnx_deprecated_operators.cc` and the
 * graphs that its optimizer writes): accepted, because such files are about.
 */
const ofRuntime =
  'Affine Crop DynamicSlice GivenTensorFill ImageScaler ParametricSoftplus Scale ScaledTanh ' +
  'SimplifiedLayerNormalization LayerNormalization MemcpyFromHost MemcpyToHost';

const firstOpset: ReadonlyMap<string, number> = new Map([
  ...Object.entries(since).flatMap(([opset, names]) =>
    names.split(' ').map((name) => [name, Number(opset)] as const),
  ),
  ...ofRuntime.split(' ').map((name) => [name, 1] as const),
]);

/** Why the ONNX domain has no such operator at this opset; null where it has. */
export function whyUnknownOperator(op: string, opset: number): string | null {
  const first = firstOpset.get(op);
  if (first === undefined) return `operator ${op} does not exist in ONNX`;
  if (opset < first) return `operator ${op} needs opset ${first}, the model imports ${opset}`;
  const last = until.get(op) ?? opset;
  return opset <= last
    ? null
    : `operator ${op} ended with opset ${last}, the model imports ${opset}`;
}
