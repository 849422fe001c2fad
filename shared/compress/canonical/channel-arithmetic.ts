import type { Node } from '../../onnx/graph.ts';
import { floatsOf } from '../tensors.ts';
import { type Affine, outputChannels, scaleInputs, scaleOutputs } from './affine.ts';
import { affineOf } from './batchnorm.ts';
import { nodesOf, perChannel, type Rewrite, type RewriteContext } from './rewrite.ts';

const arithmetic = ['Add', 'Sub', 'Mul', 'Div'] as const;

/**
 * Folds Add, Sub, Mul and Div by one constant per channel into the layer before: how exporters
 * write a bias, and a BatchNormalization that they took apart.
 */
export const arithmeticAfter: Rewrite = {
  name: 'arithmetic-after',
  reason: 'arithmetic with one constant per channel is part of the layer before it',
  apply(context) {
    const { rewriter } = context;
    let count = 0;
    for (const node of nodesOf(context, ...arithmetic)) {
      const side = variableSide(node, context);
      const producer = side === undefined ? undefined : rewriter.producer(node.inputs[side] ?? '');
      const channels = producer && outputChannels(producer, rewriter);
      if (!producer || channels === undefined || side === undefined) continue;
      if (rewriter.onlyConsumer(producer.outputs[0] ?? '') !== node) continue;
      const rank = rankOf(producer, context);
      const affine = arithmeticAffine(node, { side, rank, channels }, context);
      if (!affine || !scaleOutputs(producer, affine, rewriter)) continue;
      if (rewriter.bypass(node, producer.outputs[0] ?? '')) count += 1;
    }
    return count;
  },
};

/**
 * Folds the same, and BatchNormalization, into the only Conv after it (He et al. write networks
 * so).
 */
export const arithmeticBefore: Rewrite = {
  name: 'arithmetic-before',
  reason: 'arithmetic with one constant per channel is part of the layer after it',
  apply(context) {
    const { rewriter } = context;
    let count = 0;
    for (const node of nodesOf(context, ...arithmetic, 'BatchNormalization')) {
      const consumer = rewriter.onlyConsumer(node.outputs[0] ?? '');
      if (consumer?.op !== 'Conv' || consumer.inputs[0] !== node.outputs[0]) continue;
      const side = node.op === 'BatchNormalization' ? 0 : variableSide(node, context);
      const dims = rewriter.constant(consumer.inputs[1])?.dims;
      if (side === undefined || !dims) continue;
      const channels = channelsOf(consumer, dims);
      const widens =
        node.op !== 'BatchNormalization' &&
        !hasShape(node.inputs[side], { dims, channels }, context);
      if (consumer.domain !== '' || widens) continue;
      const affine =
        node.op === 'BatchNormalization'
          ? affineOf(node, context)
          : arithmeticAffine(node, { side, rank: dims.length, channels }, context);
      if (!affine || !scaleInputs(consumer, affine, rewriter)) continue;
      if (rewriter.bypass(node, node.inputs[side] ?? '')) count += 1;
    }
    return count;
  },
};

function channelsOf(conv: Node, dims: readonly number[]): number {
  const group = conv.attributes.get('group');
  return (dims[1] ?? 0) * (group?.kind === 'int' ? Number(group.value) : 1);
}

/** The operand is not widened to the Conv's channels by the arithmetic itself. */
function hasShape(
  value: string | undefined,
  like: { readonly dims: readonly number[]; readonly channels: number },
  { shape }: RewriteContext,
): boolean {
  const own = shape(value);
  return own?.length === like.dims.length && own[1] === like.channels;
}

function rankOf(producer: Node, { rewriter }: RewriteContext): number {
  return rewriter.constant(producer.inputs[1])?.dims.length ?? 0;
}

/** Which operand is not constant; undefined unless it is exactly one. */
function variableSide(node: Node, { rewriter }: RewriteContext): 0 | 1 | undefined {
  const [first, second] = node.inputs.map((name) => rewriter.constant(name) !== undefined);
  if (first === second) return undefined;
  return first ? 1 : 0;
}

function arithmeticAffine(
  node: Node,
  at: { side: 0 | 1; rank: number; channels: number },
  { rewriter }: RewriteContext,
): Affine | undefined {
  const operand = rewriter.constant(node.inputs[1 - at.side]);
  const values = perChannel(operand, floatsOf(operand), at);
  if (!values) return undefined;
  const ones = new Float64Array(at.channels).fill(1);
  const zeros = new Float64Array(at.channels);
  switch (node.op) {
    case 'Add':
      return { scale: ones, shift: values };
    case 'Sub':
      return at.side === 0
        ? { scale: ones, shift: values.map((value) => -value) }
        : { scale: ones.map(() => -1), shift: values };
    case 'Mul':
      return { scale: values, shift: zeros };
    case 'Div':
      return at.side === 0 ? { scale: values.map((value) => 1 / value), shift: zeros } : undefined;
    default:
      return undefined;
  }
}
