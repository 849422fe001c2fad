/**
 * Constants in few bits as nodes that the runtime computes once, when it loads the model: it folds
 * whatever depends on constants alone (core/optimizer/constant_folding.cc), DequantizeLinear
 * excepted, which would run at every inference. Opset 13 has no 4- and 2-bit types and needs none.
 */

import { toFloat16 } from '../../evaluate/tensor.ts';
import type { Attribute, Node } from '../../onnx/graph.ts';
import { int, makeNode, string } from '../attributes.ts';
import { type BlockWeights, blocksOf, storable } from '../blockwise/blocks.ts';
import { packBits } from '../blockwise/pack.ts';
import type { Rewriter } from '../rewriter.ts';
import { floatTensor, int64Tensor, uint8Tensor } from '../tensors.ts';

/** Numbers of element types in ONNX. */
const floatCode = 1;
const uint8Code = 2;
const int64Code = 7;

/** Where nodes are put, and constants that many of them share. */
export interface Unpacker {
  readonly rewriter: Rewriter;
  readonly before: Node;
  readonly shared: Map<string, string>;
}

/** A float value of the dimensions, made of blocks that fill their rows. */
export function unpacked(
  blocks: BlockWeights,
  dims: readonly number[],
  unpacker: Unpacker,
): string {
  const { rewriter } = unpacker;
  const levels = add(
    { op: 'Cast', inputs: [levelsOf(blocks, unpacker)], attributes: { to: int(floatCode) } },
    unpacker,
  );
  const [zero, level] = [rewriter.fresh('u'), rewriter.fresh('u')];
  const sizes = sharedConstant(unpacker, [1, blocks.blockSize]);
  const split = makeNode('Split', '', {
    inputs: [levels, sizes],
    outputs: [zero, level],
    attributes: { axis: int(1) },
  });
  rewriter.insertBefore(unpacker.before, split);
  const steps = add({ op: 'Sub', inputs: [level, zero] }, unpacker);
  const count = blocks.rows * blocksOf(blocks);
  const scaled = add(
    { op: 'Mul', inputs: [steps, scalesOf(blocks.scales, [count, 1], unpacker)] },
    unpacker,
  );
  return add({ op: 'Reshape', inputs: [scaled, sharedConstant(unpacker, dims)] }, unpacker);
}

/** float16 behind a Cast where that holds every scale, which saves bytes from some on. */
export function scalesOf(
  scales: Float64Array,
  dims: readonly number[],
  unpacker: Unpacker,
): string {
  const half = scales.length >= leastHalves && scales.every((scale) => storable(scale) === scale);
  if (half && scales.every((scale) => scale >= 2 ** -14)) return halves(scales, dims, unpacker);
  return unpacker.rewriter.addConstant('u', floatTensor(dims, scales));
}

/** Below so many a Cast takes more bytes than it saves. */
const leastHalves = 40;

/** A float value stored as float16. */
export function halves(values: Float64Array, dims: readonly number[], unpacker: Unpacker): string {
  const bits = Uint16Array.from(values, toFloat16);
  const bytes = new Uint8Array(bits.buffer);
  const stored = unpacker.rewriter.addConstant('u', { type: 'float16', dims, bytes });
  return add({ op: 'Cast', inputs: [stored], attributes: { to: int(floatCode) } }, unpacker);
}

/** uint8 [blocks, 1 + blockSize]: the zero point of each block, then its integers. */
function levelsOf(blocks: BlockWeights, unpacker: Unpacker): string {
  const { rewriter } = unpacker;
  const { bits, blockSize } = blocks;
  const count = blocks.rows * blocksOf(blocks);
  const dims = [count, 1 + blockSize];
  const values = interleaved(blocks);
  if (bits === 8) return rewriter.addConstant('u', uint8Tensor(dims, values));
  const bytes = packBits(values, bits);
  const right = valuesIn(bytes, bits, unpacker);
  if (bytes.length * (8 / bits) === values.length) {
    return add({ op: 'Reshape', inputs: [right, sharedConstant(unpacker, dims)] }, unpacker);
  }
  const flat = add({ op: 'Reshape', inputs: [right, sharedConstant(unpacker, [-1])] }, unpacker);
  const ends = [sharedConstant(unpacker, [0]), sharedConstant(unpacker, [values.length])];
  const cut = add({ op: 'Slice', inputs: [flat, ...ends] }, unpacker);
  return add({ op: 'Reshape', inputs: [cut, sharedConstant(unpacker, dims)] }, unpacker);
}

/** uint8 [bytes, values of a byte]: what lies in packed bytes. */
function valuesIn(bytes: Uint8Array, bits: 4 | 2, unpacker: Unpacker): string {
  const packed = unpacker.rewriter.addConstant('u', uint8Tensor([bytes.length, 1], bytes));
  // Shifting left drops what lies above a value within the byte, shifting right what lies below.
  const shifts = Array.from({ length: 8 / bits }, (_, i) => 8 - bits - bits * i);
  const shift = (direction: string, value: string, by: readonly number[]) => {
    const inputs = [value, sharedBytes(unpacker, by)];
    return add({ op: 'BitShift', inputs, attributes: { direction: string(direction) } }, unpacker);
  };
  return shift('RIGHT', shift('LEFT', packed, shifts), [8 - bits]);
}

/** 2-bit values in 4 bits each, packed, the first in the lower half of a byte. */
export function widened(bytes: Uint8Array, dims: readonly number[], unpacker: Unpacker): string {
  const cast = (value: string, to: number) =>
    add({ op: 'Cast', inputs: [value], attributes: { to: int(to) } }, unpacker);
  const reshape = (value: string, to: readonly number[]) =>
    add({ op: 'Reshape', inputs: [value, sharedConstant(unpacker, to)] }, unpacker);
  const pairs = cast(reshape(valuesIn(bytes, 2, unpacker), [-1, 2]), int64Code);
  const inputs = [pairs, sharedConstant(unpacker, [1, 16])];
  const raised = add({ op: 'Mul', inputs }, unpacker);
  const sums = add({ op: 'ReduceSum', inputs: [raised, sharedConstant(unpacker, [1])] }, unpacker);
  return reshape(cast(sums, uint8Code), dims);
}

function interleaved(blocks: BlockWeights): Uint8Array {
  const { blockSize, integers, zeros } = blocks;
  const values = new Uint8Array(integers.length + zeros.length);
  for (let block = 0; block < zeros.length; block += 1) {
    const at = block * (blockSize + 1);
    values[at] = zeros[block] ?? 0;
    values.set(integers.subarray(block * blockSize, (block + 1) * blockSize), at + 1);
  }
  return values;
}

/** Names are short and nodes have none: they are a good part of a small file. */
export function add(
  made: {
    readonly op: string;
    readonly inputs: string[];
    readonly attributes?: Record<string, Attribute>;
  },
  { rewriter, before }: Unpacker,
): string {
  const { op, inputs, attributes = {} } = made;
  const output = rewriter.fresh('u');
  rewriter.insertBefore(before, makeNode(op, '', { inputs, outputs: [output], attributes }));
  return output;
}

export function sharedConstant(unpacker: Unpacker, values: readonly number[]): string {
  return remembered(unpacker, `int64 ${values}`, () => int64Tensor([values.length], values));
}

function sharedBytes(unpacker: Unpacker, values: readonly number[]): string {
  return remembered(unpacker, `uint8 ${values}`, () => uint8Tensor([values.length], values));
}

function remembered(
  { rewriter, shared }: Unpacker,
  key: string,
  make: () => ReturnType<typeof int64Tensor>,
): string {
  const known = shared.get(key);
  if (known !== undefined) return known;
  const name = rewriter.addConstant('u', make());
  shared.set(key, name);
  return name;
}
