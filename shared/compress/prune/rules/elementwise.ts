/** Operators that leave the channels of their inputs where they are. */
import { intOf, intsOf } from '../../../onnx/attributes.ts';
import type { Dimension, Node } from '../../../onnx/graph.ts';
import { nodeLabel } from '../../../onnx/walk.ts';
import type { Axes, Axis, Tracker } from '../tracker.ts';

/** One activation in, the same shape out. */
export function passes(node: Node, tracker: Tracker): boolean {
  const axes = tracker.axesOf(node.inputs[0] ?? '');
  if (!axes) return false;
  tracker.axes.set(node.outputs[0] ?? '', axes);
  return true;
}

/** Several inputs, broadcast as numpy does it: channels that meet are the same. */
export function broadcasts(node: Node, tracker: Tracker): boolean {
  const inputs = node.inputs.filter((name) => name !== '');
  const known = inputs.map((name) => ({ axes: tracker.axesOf(name), dims: tracker.dims(name) }));
  if (!known.every(({ axes, dims }) => axes && dims)) return false;
  const rank = Math.max(...known.map(({ axes }) => axes?.length ?? 0));
  const output = Array.from({ length: rank }, (_, at) =>
    meet(
      node,
      known.flatMap(({ axes, dims }) => {
        const axis = at - rank + (axes?.length ?? 0);
        return axis < 0 ? [] : [{ axis: axes?.[axis] ?? null, size: dims?.[axis] ?? null }];
      }),
      tracker,
    ),
  );
  tracker.axes.set(node.outputs[0] ?? '', output);
  const activations = inputs.filter((name) => !tracker.constant(name));
  if (activations.length > 1) {
    for (const axis of output) if (axis) tracker.sums.push(axis);
  }
  return true;
}

function meet(
  node: Node,
  parts: readonly { axis: Axis; size: Dimension }[],
  tracker: Tracker,
): Axis {
  const spread = parts.some(({ size }) => size !== 1);
  const [whole, single] = [
    parts.filter(({ size }) => !spread || size !== 1),
    parts.filter(({ size }) => spread && size === 1),
  ];
  // What is stretched over an axis has but one index, which must stay.
  for (const { axis } of single) tracker.freeze([axis], `${nodeLabel(node)} spreads it`);
  const [first, ...others] = whole;
  for (const other of others) tracker.tie(first?.axis, other.axis, node);
  return others.some(({ axis }) => axis === null) ? null : (first?.axis ?? null);
}

/** Windows over positions: batch and channels stay. */
export function pools(node: Node, tracker: Tracker): boolean {
  const axes = tracker.axesOf(node.inputs[0] ?? '');
  if (!axes || node.outputs.length > 1) return false;
  tracker.axes.set(
    node.outputs[0] ?? '',
    axes.map((axis, at) => (at < 2 ? axis : null)),
  );
  return true;
}

/** An axis that is normalized or searched over must stay whole. */
export function alongAxis(otherwise: number): (node: Node, tracker: Tracker) => boolean {
  return (node, tracker) => {
    const axes = tracker.axesOf(node.inputs[0] ?? '');
    if (!axes) return false;
    const at = intOf(node, 'axis', otherwise);
    const from = at < 0 ? at + axes.length : at;
    // Before opset 13 everything from the axis on was one.
    const old = (tracker.model.opsets.get('') ?? 1) < 13;
    const whole = old ? axes.slice(from) : [axes[from]];
    tracker.freeze(whole, `${nodeLabel(node)} works over all channels at once`);
    tracker.axes.set(node.outputs[0] ?? '', axes);
    return true;
  };
}

export function reduces(node: Node, tracker: Tracker): boolean {
  const axes = tracker.axesOf(node.inputs[0] ?? '');
  if (!axes) return false;
  const given = intsOf(node, 'axes') ?? tracker.integers(node.inputs[1]);
  if (!given && (node.inputs[1] ?? '') !== '') return false;
  const reduced = new Set((given ?? [...axes.keys()]).map((at) => at + (at < 0 ? axes.length : 0)));
  tracker.freeze(
    axes.filter((_, at) => reduced.has(at)),
    `${nodeLabel(node)} works over all channels at once`,
  );
  const keeps = intOf(node, 'keepdims', 1) !== 0;
  const output = keeps
    ? axes.map((axis, at) => (reduced.has(at) ? null : axis))
    : axes.filter((_, at) => !reduced.has(at));
  tracker.axes.set(node.outputs[0] ?? '', output);
  return true;
}

/** Sizes of positions change, those of channels do not. */
export function resizes(node: Node, tracker: Tracker): boolean {
  const axes = tracker.axesOf(node.inputs[0] ?? '');
  const [from, to] = [tracker.dims(node.inputs[0] ?? ''), tracker.dims(node.outputs[0] ?? '')];
  if (!axes || !from || !to || intsOf(node, 'axes')) return false;
  const output: Axes = axes.map((axis, at) => (from[at] === to[at] ? axis : null));
  tracker.freeze(
    axes.filter((_, at) => from[at] !== to[at]),
    `${nodeLabel(node)} resizes its channels`,
  );
  if ((node.inputs[3] ?? '') !== '') {
    if (!tracker.integers(node.inputs[3])) return false;
    output.forEach((axis, entry) => {
      if (axis) tracker.fixes.push({ kind: 'size', node, input: 3, entry, axis });
    });
  }
  tracker.axes.set(node.outputs[0] ?? '', output);
  return true;
}
