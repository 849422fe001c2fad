/** Writes layers with narrow weights into a graph. */
import type { Model, Node } from '../../onnx/graph.ts';
import { int, makeNode } from '../attributes.ts';
import { type BlockWeights, blocksOf } from '../blockwise/blocks.ts';
import { packBlocks } from '../blockwise/pack.ts';
import { type Rewriter, rewriterOf } from '../rewriter.ts';
import { floatsOf, floatTensor, uint8Tensor } from '../tensors.ts';
import type { NarrowForm, NarrowLayer } from './layers.ts';
import { kernelBits } from './plan.ts';
import {
  add,
  halves,
  scalesOf,
  sharedConstant,
  type Unpacker,
  unpacked,
  widened,
} from './unpack.ts';

export interface Emitter {
  readonly model: Model;
  readonly rewriter: Rewriter;
  /** Small constants that many layers use, by what they hold. */
  readonly shared: Map<string, string>;
}

export function emitterOf(model: Model): Emitter {
  return { model, rewriter: rewriterOf(model.graph), shared: new Map() };
}

/** The layer's weights from now on are the blocks'. */
export function emitBlocks(
  layer: NarrowLayer,
  { form, blocks }: { form: NarrowForm; blocks: BlockWeights },
  emitter: Emitter,
): void {
  if (form === 'unpack') {
    const { rows, columns, dims } = layer;
    const unpacker = { ...emitter, before: layer.node };
    const straight = unpacked(blocks, layer.transposed ? [rows, columns] : dims, unpacker);
    const turned = layer.transposed
      ? add({ op: 'Transpose', inputs: [straight] }, unpacker)
      : straight;
    emitter.rewriter.setInput(layer.node, 1, turned);
    return;
  }
  emitter.model.opsets.set('com.microsoft', 1);
  if (form === 'multiply') multiply(layer.node, blocks, emitter);
  else multiplyFlat(layer.node, blocks, emitter);
}

/** The layer's weights as float16, cast when the model is loaded. */
export function emitHalf(layer: NarrowLayer, { rewriter, shared }: Emitter): void {
  const unpacker: Unpacker = { rewriter, shared, before: layer.node };
  const values = floatsOf(rewriter.constant(layer.node.inputs[1])) ?? layer.weights;
  rewriter.setInput(layer.node, 1, halves(values, layer.dims, unpacker));
}

/** What the record adds to the bias; a layer without one gets it. */
export function emitBias(node: Node, added: readonly number[], { rewriter }: Emitter): void {
  const at = node.op === 'MatMulNBits' ? 5 : 2;
  const own = floatsOf(rewriter.constant(node.inputs[at]));
  const sums = added.map((value, c) => value + (own?.[c] ?? 0));
  rewriter.setInput(node, at, rewriter.addConstant('u', floatTensor([sums.length], sums)));
}

/**
 * Turns the node into a `MatMulNBits` of the same name (com.microsoft, docs/ContribOperators.md).
 */
function multiply(node: Node, blocks: BlockWeights, { rewriter, shared }: Emitter): void {
  const bits = kernelBits(blocks.bits);
  const packed = packBlocks({ ...blocks, bits });
  const { rows, columns, blockSize } = blocks;
  const perRow = blocksOf(blocks);
  const unpacker: Unpacker = { rewriter, shared, before: node };
  const bias = node.op === 'MatMul' ? '' : (node.inputs[2] ?? '');
  const weightDims = [rows, perRow, (blockSize * bits) / 8];
  const inputs = [
    blocks.bits === 2
      ? widened(packBlocks(blocks).bytes, weightDims, unpacker)
      : rewriter.addConstant('u', uint8Tensor(weightDims, packed.bytes)),
    scalesOf(blocks.scales, [rows * perRow], unpacker),
    rewriter.addConstant('u', uint8Tensor([packed.zeros.length], packed.zeros)),
    ...(bias === '' ? [] : ['', bias]),
  ];
  node.op = 'MatMulNBits';
  node.domain = 'com.microsoft';
  inputs.forEach((input, i) => {
    rewriter.setInput(node, i + 1, input);
  });
  node.attributes = new Map(
    Object.entries({
      K: int(columns),
      N: int(rows),
      bits: int(bits),
      block_size: int(blockSize),
      // 8-bit activations in the kernel: without them 8 and 2 bits are slower than float.
      accuracy_level: int(4),
    }),
  );
}

function multiplyFlat(node: Node, blocks: BlockWeights, emitter: Emitter): void {
  const { rewriter } = emitter;
  const unpacker: Unpacker = { ...emitter, before: node };
  const ones = (rewriter.constant(node.inputs[1])?.dims.length ?? 4) - 2;
  const [output = ''] = node.outputs;
  const flat = add({ op: 'Flatten', inputs: [node.inputs[0] ?? ''] }, unpacker);
  rewriter.setInput(node, 0, flat);
  const raw = rewriter.fresh('u');
  rewriter.setOutput(node, 0, raw);
  const axes = sharedConstant(
    unpacker,
    Array.from({ length: ones }, (_, i) => i + 2),
  );
  rewriter.insertAfter(node, makeNode('Unsqueeze', '', { inputs: [raw, axes], outputs: [output] }));
  multiply(node, blocks, emitter);
}
