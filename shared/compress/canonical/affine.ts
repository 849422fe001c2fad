/** Per-channel y = x·scale + shift merged into the constants of the layer before or after. */

import { floatOf, intOf, intsOf, textOf } from '../../onnx/attributes.ts';
import type { Node, Tensor } from '../../onnx/graph.ts';
import type { Rewriter } from '../rewriter.ts';
import { floatsOf, floatTensor } from '../tensors.ts';

export interface Affine {
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

/** Number of output channels of a Conv, ConvTranspose or Gemm with constant weights. */
export function outputChannels(node: Node, rewriter: Rewriter): number | undefined {
  const dims = rewriter.constant(node.inputs[1])?.dims;
  if (!dims || node.domain !== '') return undefined;
  if (node.op === 'Conv') return dims[0];
  if (node.op === 'ConvTranspose') return (dims[1] ?? 0) * intOf(node, 'group', 1);
  if (node.op === 'Gemm') return intOf(node, 'transB', 0) === 1 ? dims[0] : dims[1];
  return undefined;
}

/**
 * Makes the layer give `affine` of what it gave: W' = W·scale and b' = b·scale + shift per output
 * channel. False, with nothing changed, where its weights or bias are not constant.
 */
export function scaleOutputs(node: Node, affine: Affine, rewriter: Rewriter): boolean {
  const weight = rewriter.constant(node.inputs[1]);
  const weights = weight?.type === 'float' ? floatsOf(weight) : undefined;
  const channels = outputChannels(node, rewriter);
  const biases = biasOf(node, rewriter, channels ?? 0);
  if (!weight || !weights || !biases || channels !== affine.scale.length) return false;
  const channelOf = weightChannel(node, weight.dims);
  if (!channelOf) return false;
  const scaled = weights.map((w, i) => w * (affine.scale[channelOf(i)] ?? 1));
  const shifted = biases.map((b, c) => b * (affine.scale[c] ?? 1) + (affine.shift[c] ?? 0));
  if (!scaled.every(Number.isFinite) || !shifted.every(Number.isFinite)) return false;
  const stem = node.name || (node.outputs[0] ?? 'layer');
  rewriter.setInput(
    node,
    1,
    rewriter.addConstant(`${stem}.weight`, floatTensor(weight.dims, scaled)),
  );
  rewriter.setInput(
    node,
    2,
    rewriter.addConstant(`${stem}.bias`, floatTensor([channels], shifted)),
  );
  return true;
}

/**
 * Makes the layer take x where it took affine(x), per input channel:
 * W' = W·scale, b' = b + Σ W·shift. With padding only a scale can be merged, as zeros stay zeros.
 */
export function scaleInputs(node: Node, affine: Affine, rewriter: Rewriter): boolean {
  if (node.op !== 'Conv') return false;
  const weight = rewriter.constant(node.inputs[1]);
  const weights = weight?.type === 'float' ? floatsOf(weight) : undefined;
  const biases = biasOf(node, rewriter, weight?.dims[0] ?? 0);
  if (!weight || !weights || !biases) return false;
  if (!affine.shift.every((shift) => shift === 0) && isPadded(node)) return false;
  const outputs = weight.dims[0] ?? 0;
  const perGroup = weight.dims[1] ?? 0;
  const kernel = weights.length / (outputs * perGroup);
  const outputsPerGroup = outputs / intOf(node, 'group', 1);
  const inputOf = (o: number, i: number) => Math.floor(o / outputsPerGroup) * perGroup + i;
  const scaled = new Float64Array(weights.length);
  const shifted = Float64Array.from(biases);
  for (let o = 0; o < outputs; o += 1) {
    for (let i = 0; i < perGroup; i += 1) {
      const channel = inputOf(o, i);
      for (let k = 0; k < kernel; k += 1) {
        const at = (o * perGroup + i) * kernel + k;
        const w = weights[at] ?? 0;
        scaled[at] = w * (affine.scale[channel] ?? 1);
        shifted[o] = (shifted[o] ?? 0) + w * (affine.shift[channel] ?? 0);
      }
    }
  }
  if (!scaled.every(Number.isFinite) || !shifted.every(Number.isFinite)) return false;
  rewriter.setInput(
    node,
    1,
    rewriter.addConstant(`${node.name}.weight`, floatTensor(weight.dims, scaled)),
  );
  rewriter.setInput(
    node,
    2,
    rewriter.addConstant(`${node.name}.bias`, floatTensor([outputs], shifted)),
  );
  return true;
}

export function isPadded(node: Node): boolean {
  const auto = textOf(node, 'auto_pad', 'NOTSET');
  if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') return true;
  return intsOf(node, 'pads')?.some((pad) => pad !== 0) ?? false;
}

/**
 * The bias as one float per channel, zeros where there is none; undefined where it is not constant
 * or not the same for every row of a Gemm.
 */
export function biasOf(node: Node, rewriter: Rewriter, channels: number): Float64Array | undefined {
  const name = node.inputs[2] ?? '';
  if (name === '') return new Float64Array(channels);
  const tensor = rewriter.constant(name);
  if (node.op === 'Gemm' && floatOf(node, 'beta', 1) !== 1) return undefined;
  return tensor?.type === 'float' ? rowOf(tensor, channels) : undefined;
}

/**
 * A constant that is added to every row of a matrix of so many columns, repeated where it is one
 * number; undefined where it differs from row to row.
 */
export function rowOf(tensor: Tensor, columns: number): Float64Array | undefined {
  const values = floatsOf(tensor);
  const width = tensor.dims.at(-1) ?? 1;
  if (!values || tensor.dims.length > 2 || values.length !== width) return undefined;
  if (width === columns) return values;
  return width === 1 ? new Float64Array(columns).fill(values[0] ?? 0) : undefined;
}

/** The output channel that an element of the weights belongs to. */
function weightChannel(
  node: Node,
  dims: readonly number[],
): ((index: number) => number) | undefined {
  const size = dims.reduce((product, dim) => product * dim, 1);
  if (node.op === 'Conv') return (i) => Math.floor((i * (dims[0] ?? 1)) / size);
  if (node.op === 'Gemm') {
    if (floatOf(node, 'alpha', 1) !== 1) return undefined;
    const columns = dims[1] ?? 1;
    return intOf(node, 'transB', 0) === 1 ? (i) => Math.floor(i / columns) : (i) => i % columns;
  }
  if (node.op !== 'ConvTranspose') return undefined;
  const [inputs = 1, perGroup = 1] = dims;
  const kernel = size / (inputs * perGroup);
  const inputsPerGroup = inputs / intOf(node, 'group', 1);
  return (i) => {
    const input = Math.floor(i / (perGroup * kernel));
    return Math.floor(input / inputsPerGroup) * perGroup + (Math.floor(i / kernel) % perGroup);
  };
}
