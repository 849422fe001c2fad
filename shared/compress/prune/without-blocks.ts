/**
 * Takes residual blocks out: one convolution stands in for a block, or nothing does. On small
 * networks, where each node has its own cost, this saves more time than channels do. Pure.
 */
import type { Model } from '../../onnx/graph.ts';
import { int, ints, makeNode } from '../attributes.ts';
import { contextOf } from '../canonical/context.ts';
import { copyModel } from '../canonical/copy.ts';
import { dead } from '../canonical/dead.ts';
import { floatTensor } from '../tensors.ts';
import { type Block, blocksOf } from './blocks.ts';

export interface BlockNames {
  /** Blocks that one convolution stands in for. */
  readonly replaced: readonly string[];
  /** Blocks that go; the layers before them are to be fitted to what they made. */
  readonly dropped: readonly string[];
}

/** What stands in for a block: it sees a position and its neighbours. */
const kernel = 3;

/** The name of the layer that stands in for a block. */
export function replacementName(block: string): string {
  return `${block}.replaced`;
}

/** A copy without these blocks, not fitted yet: for now a convolution is the shortcut alone. */
export function withoutBlocks(model: Model, { replaced, dropped }: BlockNames): Model {
  const copy = copyModel(model);
  // In the order of the graph: what stands before a block is then final when its turn comes.
  for (const block of blocksOf(model)) {
    if (replaced.includes(block.name)) replace(copy, block);
    else if (dropped.includes(block.name)) drop(copy, block);
  }
  return copy;
}

function replace(model: Model, block: Block): void {
  const { rewriter } = contextOf(model);
  const add = rewriter.producer(block.sum);
  if (!add) return;
  const name = replacementName(block.name);
  const dims = [block.outputs, block.inputs, kernel, kernel];
  const weight = rewriter.addConstant(`${name}.weight`, floatTensor(dims, startOf(block)));
  const bias = rewriter.addConstant(
    `${name}.bias`,
    floatTensor([block.outputs], new Float64Array(block.outputs)),
  );
  const conv = makeNode('Conv', name, {
    inputs: [block.input, weight, bias],
    outputs: [block.sum],
    attributes: {
      kernel_shape: ints([kernel, kernel]),
      strides: ints(block.strides),
      pads: ints([1, 1, 1, 1]),
      dilations: ints([1, 1]),
      group: int(1),
    },
  });
  rewriter.insertBefore(add, conv);
  rewriter.remove(add);
  rewriter.setOutput(conv, 0, block.sum);
  dead.apply(contextOf(model));
}

/** What made the input of the block's shortcut makes the block's own sum instead. */
function drop(model: Model, block: Block): void {
  const { rewriter } = contextOf(model);
  const add = rewriter.producer(block.sum);
  const before = rewriter.producer(block.input)?.inputs[0] ?? '';
  const maker = rewriter.producer(before);
  if (!add || !maker) return;
  rewriter.remove(add);
  rewriter.setOutput(maker, maker.outputs.indexOf(before), block.sum);
  dead.apply(contextOf(model));
}

/** The shortcut at the centre of the kernel. */
function startOf({ inputs, outputs, shortcut }: Block): Float64Array {
  const weights = new Float64Array(outputs * inputs * kernel * kernel);
  for (let o = 0; o < outputs; o += 1) {
    for (let i = 0; i < inputs; i += 1) {
      const value = shortcut ? (shortcut[o * inputs + i] ?? 0) : Number(o === i);
      weights[(o * inputs + i) * kernel * kernel + 4] = value;
    }
  }
  return weights;
}
