import { intOf, intsOf, isDilated, textOf } from '../../onnx/attributes.ts';
import type { Node } from '../../onnx/graph.ts';
import { int, ints, string } from '../attributes.ts';
import { floatsOf, integersOf } from '../tensors.ts';
import { nodesOf, type Rewrite, type RewriteContext } from './rewrite.ts';

/** Folds a Pad of the spatial axes with zeros into the pads of the Conv or pool after it. */
export const padding: Rewrite = {
  name: 'padding',
  reason: 'zeros around the map are the padding of the layer after it',
  apply(context) {
    const { rewriter } = context;
    let count = 0;
    for (const node of nodesOf(context, 'Pad')) {
      const pads = spatialPads(node, context);
      if (!pads) continue;
      const output = node.outputs[0] ?? '';
      const users = rewriter.consumers(output);
      const taken = users.every((user) => canTake(user, { value: output, pads }, context));
      if (rewriter.pinned(output) || !taken) continue;
      for (const user of users) takePads(user, pads);
      if (rewriter.bypass(node, node.inputs[0] ?? '')) count += 1;
    }
    return count;
  },
};

/** Begin pads then end pads of the spatial axes, where those are all and the value is zero. */
function spatialPads(node: Node, { rewriter }: RewriteContext): number[] | undefined {
  if (textOf(node, 'mode', 'constant') !== 'constant' || node.inputs[3]) return undefined;
  const value = node.inputs[2] ? floatsOf(rewriter.constant(node.inputs[2])) : new Float64Array(1);
  const pads = integersOf(rewriter.constant(node.inputs[1]));
  if (value?.length !== 1 || value[0] !== 0 || !pads) return undefined;
  const rank = pads.length / 2;
  const others = [pads[0], pads[1], pads[rank], pads[rank + 1]];
  if (rank < 3 || others.some((pad) => pad !== 0) || pads.some((pad) => pad < 0)) return undefined;
  return [...pads.slice(2, rank), ...pads.slice(rank + 2)];
}

function canTake(
  user: Node,
  { value, pads }: { value: string; pads: readonly number[] },
  context: RewriteContext,
): boolean {
  if (user.domain !== '' || user.inputs[0] !== value) return false;
  if (!['NOTSET', 'VALID'].includes(textOf(user, 'auto_pad', 'NOTSET'))) return false;
  const filled = intsOf(user, 'pads')?.some((pad) => pad !== 0) ?? false;
  switch (user.op) {
    case 'Conv':
      return true;
    case 'AveragePool':
      // Zeros that were data count; padding of the pool's own counts only where it says so.
      return !filled && isPlainPool(user, pads);
    case 'MaxPool':
      // The pool pads with −∞: the same only where nothing is below zero. Indices count no padding.
      return (
        !filled && isPlainPool(user, pads) && !user.outputs[1] && isNonNegative(value, context)
      );
    default:
      return false;
  }
}

/** Each window has data in it: the runtime takes only pads smaller than the kernel. */
function isPlainPool(node: Node, pads: readonly number[]): boolean {
  const kernel = intsOf(node, 'kernel_shape') ?? [];
  const fits = pads.every((pad, at) => pad < (kernel[at % kernel.length] ?? 0));
  return fits && intOf(node, 'ceil_mode', 0) === 0 && !isDilated(node);
}

function takePads(user: Node, pads: readonly number[]): void {
  const own = intsOf(user, 'pads') ?? pads.map(() => 0);
  user.attributes.set('pads', ints(pads.map((pad, at) => pad + (own[at] ?? 0))));
  user.attributes.set('auto_pad', string('NOTSET'));
  if (user.op === 'AveragePool') user.attributes.set('count_include_pad', int(1));
}

/** The value before the Pad comes from something that never gives a negative number. */
function isNonNegative(value: string, { rewriter }: RewriteContext): boolean {
  const source = rewriter.producer(rewriter.producer(value)?.inputs[0] ?? '');
  if (source?.op === 'Relu' || source?.op === 'Sigmoid') return true;
  if (source?.op !== 'Clip') return false;
  const low = floatsOf(rewriter.constant(source.inputs[1]));
  return (low?.[0] ?? -1) >= 0;
}

/** Writes `auto_pad` out as pads where the sizes are known, so that other rewrites can see them. */
export const explicitPads: Rewrite = {
  name: 'explicit-pads',
  reason: 'sizes are known, so the padding can be written out',
  apply(context) {
    let count = 0;
    for (const node of nodesOf(context, 'Conv', 'MaxPool', 'AveragePool')) {
      const auto = textOf(node, 'auto_pad', 'NOTSET');
      if (auto !== 'SAME_UPPER' && auto !== 'SAME_LOWER') continue;
      // The runtime leaves dilation out of the padding of pools, and rounds up where asked to.
      if (node.op !== 'Conv' && (isDilated(node) || intOf(node, 'ceil_mode', 0) !== 0)) continue;
      const sizes = context.shape(node.inputs[0])?.slice(2);
      const kernel =
        intsOf(node, 'kernel_shape') ?? context.rewriter.constant(node.inputs[1])?.dims.slice(2);
      if (!sizes || !kernel || !sizes.every((size) => typeof size === 'number')) continue;
      const pads = samePads(node, { sizes, kernel, upper: auto === 'SAME_UPPER' });
      node.attributes.set('pads', ints(pads));
      node.attributes.delete('auto_pad');
      count += 1;
    }
    return count;
  },
};

/** Conv-11: SAME makes ⌈size/stride⌉ outputs, the odd pad at the end for UPPER. */
function samePads(
  node: Node,
  known: { sizes: readonly number[]; kernel: readonly number[]; upper: boolean },
): number[] {
  const strides = intsOf(node, 'strides');
  const dilations = intsOf(node, 'dilations');
  const totals = known.sizes.map((size, axis) => {
    const stride = strides?.[axis] ?? 1;
    const reach = ((known.kernel[axis] ?? 1) - 1) * (dilations?.[axis] ?? 1) + 1;
    return Math.max(0, (Math.ceil(size / stride) - 1) * stride + reach - size);
  });
  const small = totals.map((total) => Math.floor(total / 2));
  const large = totals.map((total, axis) => total - (small[axis] ?? 0));
  return known.upper ? [...small, ...large] : [...large, ...small];
}
