/** Finds residual blocks, relu(x + F(x)). Pure. */
import type { Model, Node } from '../../onnx/graph.ts';
import { contextOf } from '../canonical/context.ts';
import type { RewriteContext } from '../canonical/rewrite.ts';
import { floatsOf } from '../tensors.ts';

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
  /** Whether what stands before it can be fitted to what it makes, so that it can go. */
  readonly droppable: boolean;
}

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

function blockAt(
  add: Node,
  sides: { readonly branch: string; readonly shortcut: string },
  context: RewriteContext,
): Block | null {
  const { rewriter, shape } = context;
  const [sum = ''] = add.outputs;
  const own = rewriter.producer(sides.shortcut);
  const projection = own?.op === 'Conv' ? projectionOf(own, context) : null;
  const direct = insideOf(sides.branch, { input: sides.shortcut, add }, context);
  const input = direct ? sides.shortcut : (own?.inputs[0] ?? '');
  if (!direct && !projection) return null;
  const inside = direct ?? insideOf(sides.branch, { input, add }, context);
  if (!inside) return null;
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
    droppable: direct !== null && standsBehindLayer({ input, sum, inside }, context),
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

/** The nodes of a branch made of the input alone, of two layers or more, for the sum alone. */
function insideOf(
  branch: string,
  { input, add }: { input: string; add: Node },
  { rewriter }: RewriteContext,
): ReadonlySet<Node> | null {
  const inside = new Set<Node>([add]);
  const pending = [branch];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (value === input || value === '' || rewriter.constant(value)) continue;
    const node = rewriter.producer(value);
    if (node?.domain !== '') return null;
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
  return used && nodes.filter((node) => node.op === 'Conv').length >= 2 ? inside : null;
}

/** Whether a layer or a sum, and a bound, make the input for the block alone; a bound follows. */
function standsBehindLayer(
  { input, sum, inside }: { input: string; sum: string; inside: ReadonlySet<Node> },
  { rewriter }: RewriteContext,
): boolean {
  const bound = rewriter.producer(input);
  const [before = ''] = bound?.inputs ?? [];
  const maker = rewriter.producer(before);
  const alone = rewriter.consumers(input).every((next) => inside.has(next));
  return (
    bound?.op === 'Relu' &&
    (maker?.op === 'Add' || maker?.op === 'Conv') &&
    rewriter.onlyConsumer(before) === bound &&
    rewriter.onlyConsumer(sum)?.op === 'Relu' &&
    alone &&
    !rewriter.pinned(input)
  );
}
