/**
 * Which nodes can run in 8 bits on ONNX Runtime's processor kernels, and why the others cannot. The
 * lists follow the runtime's own selectors
 * (core/optimizer/qdq_transformer/selectors_actions/qdq_selector_action_transformer.cc).
 */
import { own } from '../../own.ts';
import type { Node } from '../graph.ts';
import { weightsOf, whyNoKernel } from '../layers.ts';
import type { View } from './values.ts';

export interface Verdict {
  readonly can: boolean;
  readonly reason: string;
}

type Ability = 'weights' | 'kernel' | 'passes' | 'fuses' | 'quantized';

const abilities: Readonly<Record<Ability, string>> = {
  weights: 'Conv Gemm MatMul',
  kernel: 'Add AveragePool Concat GlobalAveragePool LeakyRelu Mul Sigmoid Softmax Where',
  passes:
    'DepthToSpace Expand Flatten Gather GatherElements Identity MaxPool Reshape Resize Slice ' +
    'SpaceToDepth Split Squeeze Tile Transpose Unsqueeze',
  fuses: 'Relu Clip BatchNormalization Dropout',
  quantized:
    'QuantizeLinear DequantizeLinear DynamicQuantizeLinear QLinearConv QLinearMatMul ConvInteger ' +
    'MatMulInteger QLinearAdd QLinearMul QLinearConcat QLinearAveragePool QLinearSigmoid QGemm ' +
    'QLinearGlobalAveragePool QLinearLeakyRelu QLinearSoftmax MatMulNBits',
};

/** Operators that have integer kernels nowhere in the lists, although people expect them. */
const explained: Readonly<Record<string, string>> = {
  HardSwish: 'no 8-bit kernel: it stays float between dequantized values',
  HardSigmoid: 'no 8-bit kernel: it stays float between dequantized values',
  ReduceMean: 'no 8-bit kernel; over the whole image it can become GlobalAveragePool',
  InstanceNormalization: 'no 8-bit kernel: it normalises by statistics of each input',
  LayerNormalization: 'no 8-bit kernel: it normalises by statistics of each input',
  Pad: 'no 8-bit kernel; in front of Conv it can be folded into it',
  If: 'control flow: its branches are left as they are',
  Loop: 'control flow: its body is left as it is',
  Scan: 'control flow: its body is left as it is',
};

const abilityOf: ReadonlyMap<string, Ability> = new Map([
  ...entries('weights'),
  ...entries('kernel'),
  ...entries('passes'),
  ...entries('fuses'),
  ...entries('quantized'),
]);

function entries(ability: Ability): (readonly [string, Ability])[] {
  return abilities[ability].split(' ').map((op) => [op, ability] as const);
}

export function quantizableVerdict(view: View, node: Node): Verdict {
  const told = own(explained, node.op);
  if (told !== undefined) return { can: false, reason: told };
  if (isLayerWithoutKernel(view, node)) return withWeights(view, node);
  const ability = abilityOf.get(node.op);
  if (ability === 'quantized') return { can: false, reason: 'is quantized already' };
  const reason = whyNotByOperands(view, node);
  if (reason) return { can: false, reason };
  if (ability === undefined) {
    return { can: false, reason: `${node.op} has no 8-bit kernel: it stays float` };
  }
  if (ability === 'weights') return withWeights(view, node);
  if (ability === 'passes') return { can: true, reason: 'hands 8-bit values through' };
  if (ability === 'fuses') return { can: true, reason: 'is folded into the layer before it' };
  return { can: true, reason: 'has an 8-bit kernel' };
}

/** A layer of an operator for which there is none, whatever its operands are. */
function isLayerWithoutKernel(view: View, node: Node): boolean {
  if (abilityOf.get(node.op) === 'weights') return false;
  return weightsOf(node, view.constantInfo).length > 0;
}

function whyNotByOperands(view: View, node: Node): string | null {
  const input = node.inputs.find((name) => view.constant(name) === undefined);
  if (input === undefined) return 'is constant: it can be folded away';
  if (view.maker(input)?.op === 'DequantizeLinear') return 'is quantized already';
  const types = [input, node.outputs[0] ?? ''].map((name) => view.shapes.get(name)?.type ?? null);
  const other = types.find((type) => type !== null && type !== 'float');
  if (!other) return null;
  return /float|double/.test(other)
    ? `computes in ${other}: only float is quantized`
    : `works on ${other}, not on floating-point data`;
}

function withWeights(view: View, node: Node): Verdict {
  const reason = whyNoKernel(node, view.constantInfo);
  return reason === undefined
    ? { can: true, reason: 'has an 8-bit kernel and constant weights' }
    : { can: false, reason: withStorage(reason, view, node) };
}

/** What a layer without a kernel can have all the same. */
function withStorage(reason: string, view: View, node: Node): string {
  if (weightsOf(node, view.constantInfo).length === 0) return reason;
  return `${reason}; its weights are stored in 8 bits where that saves bytes`;
}
