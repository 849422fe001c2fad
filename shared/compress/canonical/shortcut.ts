import { textOf } from '../../onnx/attributes.ts';
import type { Node } from '../../onnx/graph.ts';
import { int, ints, makeNode } from '../attributes.ts';
import { floatsOf, floatTensor, integersOf } from '../tensors.ts';
import { nodesOf, type Rewrite, type RewriteContext } from './rewrite.ts';

/**
 * A shortcut that skips rows and columns (Slice with steps) and adds channels of zeros (Pad), as
 * ResNets for small images have it, written as the strided 1×1 Conv with weights 0 and 1 that
 * computes exactly the same: an integer kernel exists for that.
 */
export const shortcut: Rewrite = {
  name: 'shortcut',
  reason: 'a strided copy with channels of zeros is a 1×1 convolution, which has an integer kernel',
  apply(context) {
    let count = 0;
    for (const node of nodesOf(context, 'Pad')) {
      if (rewriteShortcut(node, context)) count += 1;
    }
    return count;
  },
};

interface Steps {
  readonly source: string;
  readonly strides: readonly [number, number];
}

function rewriteShortcut(pad: Node, context: RewriteContext): boolean {
  const { rewriter, shape, type } = context;
  if (type(pad.outputs[0]) !== 'float') return false;
  const added = channelPads(pad, context);
  const steps = added && stridesBefore(pad.inputs[0] ?? '', context);
  const channels = steps && shape(steps.source)?.[1];
  if (!added || !steps || typeof channels !== 'number') return false;
  const [before, after] = added;
  const outputs = before + channels + after;
  const weights = new Float64Array(outputs * channels);
  for (let c = 0; c < channels; c += 1) weights[(before + c) * channels + c] = 1;
  const name = rewriter.fresh(`${pad.name}.conv`);
  const weight = rewriter.addConstant(
    `${name}.weight`,
    floatTensor([outputs, channels, 1, 1], weights),
  );
  const [output = ''] = pad.outputs;
  const conv = makeNode('Conv', name, {
    inputs: [steps.source, weight],
    outputs: [output],
    attributes: {
      kernel_shape: ints([1, 1]),
      strides: ints(steps.strides),
      pads: ints([0, 0, 0, 0]),
      dilations: ints([1, 1]),
      group: int(1),
    },
  });
  rewriter.insertBefore(pad, conv);
  rewriter.remove(pad);
  rewriter.setOutput(conv, 0, output);
  return true;
}

/** Channels of zeros before and after, where the Pad adds nothing else and at least one. */
function channelPads(pad: Node, { rewriter }: RewriteContext): [number, number] | undefined {
  const pads = integersOf(rewriter.constant(pad.inputs[1]));
  const value = pad.inputs[2] ? floatsOf(rewriter.constant(pad.inputs[2])) : new Float64Array(1);
  if (textOf(pad, 'mode', 'constant') !== 'constant' || pad.inputs[3]) return undefined;
  if (pads?.length !== 8 || value?.[0] !== 0) return undefined;
  const [before = 0, after = 0] = [pads[1], pads[5]];
  const others = pads.filter((_, at) => at !== 1 && at !== 5);
  if (others.some((amount) => amount !== 0) || before < 0 || after < 0) return undefined;
  return before + after > 0 ? [before, after] : undefined;
}

/** Follows Slices that take every n-th row and column from the first to the end. */
function stridesBefore(value: string, { rewriter }: RewriteContext): Steps | undefined {
  const strides: [number, number] = [1, 1];
  let source = value;
  for (;;) {
    const node = rewriter.producer(source);
    if (node?.op !== 'Slice' || node.domain !== '') break;
    const [starts, ends, axes, steps] = [1, 2, 3, 4].map((at) =>
      integersOf(rewriter.constant(node.inputs[at])),
    );
    if (!starts || !ends || !axes || !steps) return undefined;
    const whole = axes.every(
      (axis, at) =>
        (axis === 2 || axis === 3) && starts[at] === 0 && (ends[at] ?? 0) >= 2 ** 31 - 1,
    );
    if (!whole || steps.some((step) => step < 1)) return undefined;
    axes.forEach((axis, at) => {
      strides[axis === 2 ? 0 : 1] *= steps[at] ?? 1;
    });
    source = node.inputs[0] ?? '';
  }
  return { source, strides };
}
