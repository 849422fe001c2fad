/** Writes a graph with QuantizeLinear/DequantizeLinear pairs around what computes in integers. */

import type { Node, Tensor } from '../../onnx/graph.ts';
import { own } from '../../own.ts';
import { int, makeNode } from '../attributes.ts';
import type { BlockWeights } from '../blockwise/blocks.ts';
import { requantized } from '../narrow/requantize.ts';
import { powerLayer } from '../pow2/numbers.ts';
import type { ActivationRange } from '../record.ts';
import type { Rewriter } from '../rewriter.ts';
import type { Target } from '../targets.ts';
import { floatsOf, floatTensor, int8Tensor, int32Tensor, uint8Tensor } from '../tensors.ts';
import { type Quantizer, quantizerOf } from './numbers.ts';
import type { Placement } from './place.ts';
import { type SharedScales, shareScales } from './shared-scales.ts';
import { type LayerFloats, type QuantizedLayer, quantizeLayer, quantizeTensor } from './weights.ts';

export interface EmitOptions {
  readonly placement: Placement;
  readonly target: Target;
  /** The range of an activation by value name; every value that `placement` scales has one. */
  range(value: string): ActivationRange;
  /** Bits of a layer's weights in fixed point; undefined for scales of any value. */
  readonly wordBits?: ((layer: string) => 8 | 4 | 2 | undefined) | undefined;
  /** The largest weight of each output channel, by node name; absent is the kernel's. */
  readonly limits?: Readonly<Record<string, readonly number[]>> | undefined;
  /** What is added to the bias of a layer, by node name. */
  readonly biases: Readonly<Record<string, readonly number[]>>;
  /** What weights and bias are multiplied with before, per output channel. */
  readonly gains?: Readonly<Record<string, readonly number[]>> | undefined;
  /** Weights of a layer that are stored in fewer than 8 bits. */
  readonly stored?: ((layer: string) => BlockWeights | undefined) | undefined;
}

interface Emitter extends EmitOptions {
  readonly rewriter: Rewriter;
  readonly scales: SharedScales;
  /** By value: what integer nodes read instead of it. */
  readonly dequantized: Map<string, string>;
  readonly quantizers: Map<string, Parameters>;
  /** Small constants that many layers use to unpack their weights. */
  readonly shared: Map<string, string>;
}

/** The constants of a Q/DQ pair. */
interface Parameters {
  readonly quantizer: Quantizer;
  readonly scale: string;
  readonly zero: string;
}

/** Edits the graph in place. */
export function emit(rewriter: Rewriter, options: EmitOptions): void {
  const { placement } = options;
  const scales = shareScales(rewriter.graph.nodes, placement, options.range);
  const kept = { dequantized: new Map(), quantizers: new Map(), shared: new Map() };
  const emitter: Emitter = { ...options, rewriter, scales, ...kept };
  for (const value of placement.entering) quantizeBeside(value, emitter);
  for (const node of [...rewriter.graph.nodes]) {
    if (!placement.integer.has(node)) continue;
    dropBounds(node, emitter);
    readDequantized(node, emitter);
    if (placement.made.has(node.outputs[0] ?? '')) quantizeBehind(node, emitter);
  }
}

/** The Relu or Clip behind the node goes; the node makes its value. */
function dropBounds(node: Node, { rewriter, placement }: Emitter): void {
  for (;;) {
    const next = rewriter.onlyConsumer(node.outputs[0] ?? '');
    if (!next || !placement.absorbed.has(next)) return;
    const [value = ''] = next.outputs;
    rewriter.remove(next);
    rewriter.setOutput(node, 0, value);
  }
}

function readDequantized(node: Node, emitter: Emitter): void {
  const { rewriter } = emitter;
  const compute = node.op === 'Conv' || node.op === 'Gemm' || node.op === 'MatMul';
  if (compute) quantizeConstants(node, emitter);
  else quantizeOperands(node, emitter);
  node.inputs.forEach((input, at) => {
    const read = emitter.dequantized.get(input);
    if (read !== undefined) rewriter.setInput(node, at, read);
  });
}

/** float value → Q → DQ beside it, for integer consumers only. */
function quantizeBeside(value: string, emitter: Emitter): void {
  const { rewriter } = emitter;
  const parameters = parametersOf(value, emitter);
  const [q, dq] = [rewriter.fresh(`${value}.q`), rewriter.fresh(`${value}.dq`)];
  const quantize = linear('QuantizeLinear', { input: value, output: q, parameters }, rewriter);
  const dequantize = linear('DequantizeLinear', { input: q, output: dq, parameters }, rewriter);
  const producer = rewriter.producer(value);
  const [first] = rewriter.graph.nodes;
  if (producer) rewriter.insertAfter(producer, quantize);
  else if (first) rewriter.insertBefore(first, quantize);
  rewriter.insertAfter(quantize, dequantize);
  emitter.dequantized.set(value, dq);
}

/** Constants that a Concat joins activations with, each with the scale of its own values. */
function quantizeOperands(node: Node, { rewriter, target }: Emitter): void {
  if (node.op !== 'Concat') return;
  node.inputs.forEach((input, at) => {
    const tensor = rewriter.constant(input);
    const values = floatsOf(tensor);
    if (!tensor || !values) return;
    const unsigned = target.activations === 'uint8';
    const { scale, zero, integers } = quantizeTensor(values, unsigned ? 0 : -128);
    const typed = unsigned ? uint8Tensor : int8Tensor;
    const output = rewriter.fresh(`${input}.dq`);
    const added = makeNode('DequantizeLinear', rewriter.fresh(`${output}.node`), {
      inputs: [
        rewriter.addConstant(`${input}.q`, typed(tensor.dims, integers)),
        rewriter.addConstant(`${input}.scale`, floatTensor([], [scale])),
        rewriter.addConstant(`${input}.zero`, typed([], [zero])),
      ],
      outputs: [output],
    });
    rewriter.insertBefore(node, added);
    rewriter.setInput(node, at, output);
  });
}

/** The node's result → Q → DQ, which takes the value's name: every consumer reads it. */
function quantizeBehind(node: Node, emitter: Emitter): void {
  const { rewriter } = emitter;
  const [value = ''] = node.outputs;
  const parameters = parametersOf(value, emitter);
  const [raw, q] = [rewriter.fresh(`${value}.raw`), rewriter.fresh(`${value}.q`)];
  rewriter.setOutput(node, 0, raw);
  const quantize = linear('QuantizeLinear', { input: raw, output: q, parameters }, rewriter);
  const dequantize = linear('DequantizeLinear', { input: q, output: value, parameters }, rewriter);
  rewriter.insertAfter(node, quantize);
  rewriter.insertAfter(quantize, dequantize);
}

function linear(
  op: string,
  { input, output, parameters }: { input: string; output: string; parameters: Parameters },
  rewriter: Rewriter,
): Node {
  return makeNode(op, rewriter.fresh(`${output}.node`), {
    inputs: [input, parameters.scale, parameters.zero],
    outputs: [output],
  });
}

function parametersOf(value: string, emitter: Emitter): Parameters {
  const { rewriter, scales, target, quantizers } = emitter;
  const root = scales.rootOf(value);
  const known = quantizers.get(root);
  if (known) return known;
  const unsigned = target.activations === 'uint8';
  const grid = unsigned ? { low: 0, high: 255 } : { low: -128, high: 127 };
  const quantizer = quantizerOf(scales.rangeOf(root), { ...grid, symmetric: false });
  // Scalars must be 0-D: QLinearAveragePool refuses a vector of one.
  const zero = unsigned ? uint8Tensor([], [quantizer.zero]) : int8Tensor([], [quantizer.zero]);
  const parameters = {
    quantizer,
    scale: rewriter.addConstant(`${root}.scale`, floatTensor([], [quantizer.scale])),
    zero: rewriter.addConstant(`${root}.zero`, zero),
  };
  quantizers.set(root, parameters);
  return parameters;
}

/** Weights and bias of a Conv, Gemm or MatMul as integers behind DequantizeLinear. */
function quantizeConstants(node: Node, emitter: Emitter): void {
  const { rewriter } = emitter;
  const layer = layerFloats(node, emitter);
  const dims = rewriter.constant(node.inputs[1])?.dims;
  if (!layer || !dims) return;
  const input = parametersOf(node.inputs[0] ?? '', emitter).quantizer;
  const { weightMax } = emitter.target;
  const limits = own(emitter.limits, node.name);
  const bits = emitter.wordBits?.(node.name);
  const quantized =
    bits === undefined
      ? quantizeLayer(layer, input, (channel) => limits?.[channel] ?? weightMax)
      : powerLayer(layer, input, { bits, most: Math.min(weightMax, ...(limits ?? [])) });
  const { channels } = layer;
  const blocks = emitter.stored?.(node.name);
  const columns = node.op === 'MatMul';
  const { weights } = quantized;
  const at = transposedAt(channels, weights.length);
  const integers = columns ? weights.map((_, i) => weights[at(i)] ?? 0) : weights;
  const weight = dequantizer(emitter, {
    node,
    kind: 'weight',
    axis: columns ? 1 : 0,
    integers: blocks
      ? requantized(blocks, { node, dims, steps: stepsBefore(node, quantized, emitter) }, emitter)
      : rewriter.addConstant(`${node.name}.weight.q`, int8Tensor(dims, integers)),
    scales: quantized.scales,
    zeros: int8Tensor([channels], new Int8Array(channels)),
  });
  rewriter.setInput(node, 1, weight);
  if (!quantized.biases || !quantized.biasScales) return;
  const bias = dequantizer(emitter, {
    node,
    kind: 'bias',
    axis: 0,
    integers: rewriter.addConstant(
      `${node.name}.bias.q`,
      int32Tensor([channels], quantized.biases),
    ),
    scales: quantized.biasScales,
    zeros: int32Tensor([channels], new Int32Array(channels)),
  });
  rewriter.setInput(node, 2, bias);
}

/** The weights' steps before they are multiplied, which leaves the integers as they are. */
function stepsBefore(node: Node, { scales }: QuantizedLayer, { gains }: Emitter): Float64Array {
  return scales.map((scale, c) => scale / (own(gains, node.name)?.[c] ?? 1));
}

/** The layer's constants, output channels first, corrected as recorded. */
function layerFloats(node: Node, { rewriter, biases, gains }: Emitter): LayerFloats | undefined {
  const weight = rewriter.constant(node.inputs[1]);
  const values = floatsOf(weight);
  if (!weight || !values) return undefined;
  const columns = node.op === 'MatMul';
  const channels = weight.dims[columns ? 1 : 0] ?? 1;
  const given = floatsOf(rewriter.constant(node.inputs[2]));
  const added = columns ? undefined : own(biases, node.name);
  const gainOf = (c: number) => own(gains, node.name)?.[c] ?? 1;
  const summed =
    given || added
      ? Float64Array.from(
          { length: channels },
          (_, c) => (given?.[c] ?? 0) * gainOf(c) + (added?.[c] ?? 0),
        )
      : undefined;
  const at = transposedAt(weight.dims[0] ?? 1, values.length);
  const ordered = columns ? values.map((_, i) => values[at(i)] ?? 0) : values;
  const size = values.length / channels;
  const weights = ordered.map((value, i) => value * gainOf(Math.floor(i / size)));
  return { weights, channels, biases: summed };
}

/** Where element i of a transposed matrix lies in the matrix of `rows` rows. */
function transposedAt(rows: number, length: number): (i: number) => number {
  const columns = length / rows;
  return (i) => (i % rows) * columns + Math.floor(i / rows);
}

/** Constants of a layer as integers with what they mean. */
interface Stored {
  readonly node: Node;
  readonly kind: 'weight' | 'bias';
  readonly axis: number;
  /** The value that holds them. */
  readonly integers: string;
  readonly scales: Float64Array;
  readonly zeros: Tensor;
}

function dequantizer({ rewriter }: Emitter, what: Stored): string {
  const { node } = what;
  const stem = `${node.name}.${what.kind}`;
  const output = rewriter.fresh(`${stem}.dq`);
  const inputs = [
    what.integers,
    rewriter.addConstant(`${stem}.scale`, floatTensor([what.scales.length], what.scales)),
    rewriter.addConstant(`${stem}.zero`, what.zeros),
  ];
  const added = makeNode('DequantizeLinear', rewriter.fresh(`${stem}.node`), {
    inputs,
    outputs: [output],
    attributes: { axis: int(what.axis) },
  });
  rewriter.insertBefore(node, added);
  return output;
}
