/**
 * Residual blocks, relu(x + F(x)), and their replacement by one convolution. On small networks,
 * where each node has its own cost, this saves more time than channels do. Pure.
 */
import type { Model, Node } from '../../onnx/graph.ts';
import { int, ints, makeNode } from '../attributes.ts';
import { contextOf } from '../canonical/context.ts';
import { copyModel } from '../canonical/copy.ts';
import { dead } from '../canonical/dead.ts';
import type { RewriteContext } from '../canonical/rewrite.ts';
import { floatsOf, floatTensor } from '../tensors.ts';

export interface Block {
  /** The name of the node that adds the shortcut. */
  readonly name: string;
  readonly input: string;
  readonly sum: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly strides: readonly [number, number];
  /** Weights of a shortcut of its own, outputs × inputs; null where it is the input itself. */
  readonly shortcut: Float64Array | null;
}

/** What stands in for a block: it sees a position and its neighbours. */
const kernel = 3;

export function blocksOf(model: Model): Block[] {
  const context = contextOf(model);
  return model.graph.nodes.flatMap((node) => {
    const [a = '', b = ''] = node.inputs;
    if (node.op !== 'Add' || node.domain !== '') return [];
    return (
      blockAt(node, { branch: a, shortcut: b }, context) ??
      blockAt(node, { branch: b, shortcut: a }, context) ??
      []
    );
  });
}

/** The name of the layer that stands in for a block. */
export function replacementName(block: string): string {
  return `${block}.replaced`;
}

/** A copy in which each block is one convolution, for now the shortcut alone; to be fitted. */
export function replaceBlocks(model: Model, blocks: readonly Block[]): Model {
  const copy = copyModel(model);
  for (const block of blocks) {
    const { rewriter } = contextOf(copy);
    const add = rewriter.producer(block.sum);
    if (!add) continue;
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
    dead.apply(contextOf(copy));
  }
  return copy;
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

function blockAt(
  add: Node,
  sides: { readonly branch: string; readonly shortcut: string },
  context: RewriteContext,
): Block | null {
  const { rewriter, shape } = context;
  const [sum = ''] = add.outputs;
  const own = rewriter.producer(sides.shortcut);
  const projection = own?.op === 'Conv' ? projectionOf(own, context) : null;
  const direct = stays(sides.branch, { input: sides.shortcut, add }, context);
  const input = direct ? sides.shortcut : (own?.inputs[0] ?? '');
  if (!direct && !projection) return null;
  if (!direct && !stays(sides.branch, { input, add }, context)) return null;
  const [from, to] = [shape(input), shape(sum)];
  const [, inputs, height, width] = from ?? [];
  const [, outputs, down, across] = to ?? [];
  if (from?.length !== 4 || to?.length !== 4) return null;
  if (typeof inputs !== 'number' || typeof outputs !== 'number') return null;
  const strides = [strideOf(height, down), strideOf(width, across)] as const;
  if (strides[0] === null || strides[1] === null) return null;
  return {
    ...{ name: add.name, input, sum, inputs, outputs },
    strides: [strides[0], strides[1]],
    shortcut: direct ? null : projection,
  };
}

/** The stride with which the kernel, padded by one, gives such a size; null where none does. */
function strideOf(from: unknown, to: unknown): number | null {
  if (typeof from !== 'number' || typeof to !== 'number' || to < 1) return null;
  const stride = Math.ceil(from / to);
  return Math.floor((from - 1) / stride) + 1 === to ? stride : null;
}

/** Weights of a 1×1 convolution of all channels. */
function projectionOf(node: Node, { rewriter }: RewriteContext): Float64Array | null {
  const weight = rewriter.constant(node.inputs[1]);
  const plain = weight?.dims.slice(2).every((size) => size === 1) ?? false;
  const group = node.attributes.get('group');
  if (!plain || (group?.kind === 'int' && Number(group.value) !== 1)) return null;
  return floatsOf(weight) ?? null;
}

/** Whether a branch is made of the input alone, of two layers or more, for the sum alone. */
function stays(
  branch: string,
  { input, add }: { input: string; add: Node },
  { rewriter }: RewriteContext,
): boolean {
  const inside = new Set<Node>([add]);
  const pending = [branch];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (value === input || value === '' || rewriter.constant(value)) continue;
    const node = rewriter.producer(value);
    if (node?.domain !== '') return false;
    if (inside.has(node)) continue;
    inside.add(node);
    pending.push(...node.inputs);
  }
  const nodes = [...inside].filter((node) => node !== add);
  const used = nodes.every((node) =>
    node.outputs.every(
      (value) =>
        !rewriter.pinned(value) && rewriter.consumers(value).every((next) => inside.has(next)),
    ),
  );
  return used && nodes.filter((node) => node.op === 'Conv').length >= 2;
}
