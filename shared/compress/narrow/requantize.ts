/**
 * Weights in few bits as integers of 8, made when the model is loaded: the runtime folds what
 * depends on constants alone, QuantizeLinear too (core/optimizer/constant_folding.cc), and then
 * finds the layer as if it had been stored in 8 bits.
 */
import type { Node } from '../../onnx/graph.ts';
import { int } from '../attributes.ts';
import type { BlockWeights } from '../blockwise/blocks.ts';
import { floatTensor, int8Tensor } from '../tensors.ts';
import { add, type Unpacker, unpacked } from './unpack.ts';

export interface Requantize {
  /** The layer; a MatMul's operand has a column, not a row, for each output. */
  readonly node: Node;
  readonly dims: readonly number[];
  /** The step of each output channel's integers. */
  readonly steps: Float64Array;
}

/** An int8 value of the dimensions. */
export function requantized(
  blocks: BlockWeights,
  { node, dims, steps }: Requantize,
  { rewriter, shared }: Omit<Unpacker, 'before'>,
): string {
  const unpacker: Unpacker = { rewriter, shared, before: node };
  const columns = node.op === 'MatMul';
  const rows = unpacked(blocks, columns ? [blocks.rows, blocks.columns] : dims, unpacker);
  const weights = columns ? add({ op: 'Transpose', inputs: [rows] }, unpacker) : rows;
  const inputs = [
    weights,
    rewriter.addConstant('u', floatTensor([steps.length], steps)),
    rewriter.addConstant('u', int8Tensor([steps.length], new Int8Array(steps.length))),
  ];
  const attributes = { axis: int(columns ? 1 : 0) };
  return add({ op: 'QuantizeLinear', inputs, attributes }, unpacker);
}
