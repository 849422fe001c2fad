/** Layers with constant weights as matrices, and how the runtime can take them in few bits. */
import { intOf, intsOf } from '../../onnx/attributes.ts';
import type { Dimension, Model, Node } from '../../onnx/graph.ts';
import { contextOf } from '../canonical/context.ts';
import type { RewriteContext } from '../canonical/rewrite.ts';
import { weightedNodes } from '../quantize/quantize.ts';
import { floatsOf } from '../tensors.ts';

/** How a layer is written. */
export type NarrowForm =
  /** `MatMulNBits` in its place. */
  | 'multiply'
  /** A convolution of single positions: `MatMulNBits` between two changes of shape. */
  | 'multiply flat'
  /** The layer as it is, its weights unpacked when the model is loaded. */
  | 'unpack';

export interface NarrowLayer {
  readonly node: Node;
  readonly form: NarrowForm;
  /** Output channels. */
  readonly rows: number;
  /** Weights of an output channel. */
  readonly columns: number;
  /** rows × columns. */
  readonly weights: Float64Array;
  /** The weight tensor holds columns × rows. */
  readonly transposed: boolean;
  readonly dims: readonly number[];
}

/** The layers of a model whose weights can be narrow, and why the others' cannot. */
export function narrowLayers(model: Model): {
  readonly layers: readonly NarrowLayer[];
  readonly refused: ReadonlyMap<string, string>;
} {
  const context = contextOf(model);
  const layers: NarrowLayer[] = [];
  const refused = new Map<string, string>();
  for (const node of weightedNodes(context.rewriter)) {
    const layer = layerOf(node, context);
    if (typeof layer === 'string') refused.set(node.name, layer);
    else layers.push(layer);
  }
  return { layers, refused };
}

function layerOf(node: Node, context: RewriteContext): NarrowLayer | string {
  const weight = context.rewriter.constant(node.inputs[1]);
  const values = floatsOf(weight);
  if (!weight || !values || weight.type !== 'float') return 'its weights are no float constant';
  if (values.length === 0) return 'it has no weights';
  if (!values.every(Number.isFinite)) return 'some of its weights are not finite';
  const { dims } = weight;
  const transposed = isTransposed(node) && dims.length === 2;
  const rows = dims[transposed ? 1 : 0] ?? 1;
  const columns = values.length / rows;
  const weights = transposed ? transpose(values, columns) : values;
  return { node, form: formOf(node, context), rows, columns, weights, transposed, dims };
}

/** How many output channels a layer with such weights has. */
export function outputChannels(node: Node, dims: readonly number[]): number {
  return dims[isTransposed(node) && dims.length === 2 ? 1 : 0] ?? 1;
}

/** Whether the second operand has a column, not a row, for each output. */
function isTransposed(node: Node): boolean {
  return node.op === 'MatMul' || (node.op === 'Gemm' && intOf(node, 'transB', 0) === 0);
}

/** A matrix of `rows` rows with its axes exchanged. */
export function transpose(values: Float64Array, rows: number): Float64Array {
  const columns = values.length / rows;
  const result = new Float64Array(values.length);
  for (let i = 0; i < rows; i += 1) {
    for (let j = 0; j < columns; j += 1) result[j * rows + i] = values[i * columns + j] ?? 0;
  }
  return result;
}

function formOf(node: Node, context: RewriteContext): NarrowForm {
  const weight = context.rewriter.constant(node.inputs[1]);
  const outputs = weight?.dims[isTransposed(node) ? 1 : 0];
  if (node.op === 'MatMul') return weight?.dims.length === 2 ? 'multiply' : 'unpack';
  if (!hasPlainBias(node, outputs ?? 0, context)) return 'unpack';
  if (node.op === 'Gemm') {
    const scaled = ['alpha', 'beta'].some((name) => {
      const attribute = node.attributes.get(name);
      return attribute?.kind === 'float' && attribute.value !== 1;
    });
    return scaled || intOf(node, 'transA', 0) !== 0 ? 'unpack' : 'multiply';
  }
  return node.op === 'Conv' && isSinglePosition(node, context) ? 'multiply flat' : 'unpack';
}

function hasPlainBias(node: Node, channels: number, { rewriter }: RewriteContext): boolean {
  const name = node.inputs[2] ?? '';
  if (name === '') return true;
  const bias = rewriter.constant(name);
  return bias?.type === 'float' && bias.bytes.length === 4 * channels;
}

/** A 1×1 convolution of a map of one position. */
function isSinglePosition(node: Node, context: RewriteContext): boolean {
  const ones = (dims: readonly Dimension[]) =>
    dims.length > 2 && dims.slice(2).every((n) => n === 1);
  const weight = context.rewriter.constant(node.inputs[1]);
  const pads = intsOf(node, 'pads') ?? [];
  const plain = intOf(node, 'group', 1) === 1 && pads.every((pad) => pad === 0);
  return plain && ones(weight?.dims ?? []) && ones(context.shape(node.inputs[0]) ?? []);
}
