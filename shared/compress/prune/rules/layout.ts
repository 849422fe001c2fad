/** Operators that move, join and part channels. */
import { intOf, intsOf } from '../../../onnx/attributes.ts';
import type { Node } from '../../../onnx/graph.ts';
import { nodeLabel } from '../../../onnx/walk.ts';
import type { Axes, Axis, Tracker } from '../tracker.ts';

export function transposes(node: Node, tracker: Tracker): boolean {
  const axes = tracker.axesOf(node.inputs[0] ?? '');
  if (!axes) return false;
  const order = intsOf(node, 'perm') ?? axes.map((_, at) => axes.length - 1 - at);
  tracker.axes.set(
    node.outputs[0] ?? '',
    order.map((at) => axes[at] ?? null),
  );
  return true;
}

export function concatenates(node: Node, tracker: Tracker): boolean {
  const inputs = node.inputs.map((name) => tracker.axesOf(name));
  const [first] = inputs;
  if (!first || !inputs.every((axes) => axes?.length === first.length)) return false;
  const asked = intOf(node, 'axis', 1);
  const at = asked < 0 ? asked + first.length : asked;
  const joined = node.inputs.map((name) => indicesOf(name, at, tracker));
  const output: Axes = first.map((axis, index) => {
    if (index === at) return joined.every((part) => part !== null) ? joined.flat() : null;
    for (const other of inputs.slice(1)) tracker.tie(axis, other?.[index], node);
    return inputs.some((axes) => !axes?.[index]) ? null : axis;
  });
  if (!output[at]) tracker.freeze(joined, `${nodeLabel(node)} joins parts of unknown size`);
  tracker.axes.set(node.outputs[0] ?? '', output);
  return true;
}

/** The identities along an axis; new ones that must stay where it has none. */
function indicesOf(value: string, at: number, tracker: Tracker): Axis {
  const axis = tracker.axesOf(value)?.[at];
  if (axis) return axis;
  const size = tracker.dims(value)?.[at];
  if (typeof size !== 'number' || size > sizeMax) return null;
  const made = tracker.identities.fresh(size);
  tracker.freeze([made], 'it cannot lose any');
  return made;
}

/** An axis of data may be any size; channels are fewer. */
const sizeMax = 1 << 16;

export function splits(node: Node, tracker: Tracker): boolean {
  const axes = tracker.axesOf(node.inputs[0] ?? '');
  if (!axes) return false;
  const asked = intOf(node, 'axis', 0);
  const at = asked < 0 ? asked + axes.length : asked;
  const axis = axes[at];
  const sizes = node.outputs.map((name) => tracker.dims(name)?.[at]);
  if (axis) {
    const counts = sizes.filter((size) => typeof size === 'number');
    const given = node.inputs[1] ?? '';
    const total = counts.reduce((sum, size) => sum + size, 0);
    if (counts.length !== sizes.length || total !== axis.length || intsOf(node, 'split')) {
      return false;
    }
    if (given !== '' && !tracker.integers(given)) return false;
    if ((tracker.model.opsets.get('') ?? 1) < 13) return false;
    const starts = counts.map((_, i) => counts.slice(0, i).reduce((sum, size) => sum + size, 0));
    const parts = starts.map((start, i) => axis.slice(start, start + (counts[i] ?? 0)));
    tracker.fixes.push({ kind: 'parts', node, parts });
    setAll(node, tracker, (i) =>
      axes.map((own, index) => (index === at ? (parts[i] ?? null) : own)),
    );
    return true;
  }
  setAll(node, tracker, () => axes);
  return true;
}

function setAll(node: Node, tracker: Tracker, of: (output: number) => Axes): void {
  node.outputs.forEach((name, i) => {
    if (name !== '') tracker.axes.set(name, of(i));
  });
}

export function slices(node: Node, tracker: Tracker): boolean {
  const axes = tracker.axesOf(node.inputs[0] ?? '');
  const [starts, ends] = [1, 2].map((at) => tracker.integers(node.inputs[at]));
  if (!axes || !starts || !ends) return false;
  const named = tracker.integers(node.inputs[3]) ?? starts.map((_, at) => at);
  const steps = tracker.integers(node.inputs[4]) ?? starts.map(() => 1);
  const output: Axis[] = [...axes];
  for (const [entry, asked] of named.entries()) {
    const at = asked < 0 ? asked + axes.length : asked;
    const axis = axes[at];
    if (!axis) continue;
    if (steps[entry] !== 1) return false;
    const start = bounded(starts[entry] ?? 0, axis.length);
    const end = bounded(ends[entry] ?? 0, axis.length);
    output[at] = axis.slice(start, end);
    tracker.fixes.push({ kind: 'bounds', node, entry, axis, start, end });
  }
  tracker.axes.set(node.outputs[0] ?? '', output);
  return true;
}

function bounded(index: number, size: number): number {
  return Math.min(size, Math.max(0, index < 0 ? index + size : index));
}

/** Indices that an edge adds must stay; those of constants or zeros beside the channels too. */
export function pads(node: Node, tracker: Tracker): boolean {
  const axes = tracker.axesOf(node.inputs[0] ?? '');
  const amounts = intsOf(node, 'pads') ?? tracker.integers(node.inputs[1]);
  if (!axes || amounts?.length !== 2 * axes.length || (node.inputs[3] ?? '') !== '') return false;
  const output = axes.map((axis, at): Axis => {
    const [before = 0, after = 0] = [amounts[at], amounts[at + axes.length]];
    if (!axis || (before === 0 && after === 0)) return axis;
    if (before < 0 || after < 0 || node.attributes.has('mode')) {
      tracker.freeze([axis], `${nodeLabel(node)} repeats or cuts its channels`);
      return null;
    }
    const added = tracker.identities.fresh(before + after);
    tracker.freeze([added], `${nodeLabel(node)} adds channels that must stay`);
    return [...added.slice(0, before), ...axis, ...added.slice(before)];
  });
  tracker.axes.set(node.outputs[0] ?? '', output);
  return true;
}
