/** Layers with weights: they end the channels they read and begin channels of their own. */
import { intOf } from '../../../onnx/attributes.ts';
import type { Node } from '../../../onnx/graph.ts';
import { nodeLabel } from '../../../onnx/walk.ts';
import type { Axes, Axis, Tracker } from '../tracker.ts';

export function convolution(node: Node, tracker: Tracker): boolean {
  const [input, weight] = inputAxes(node, tracker);
  const [outputs, inputs] = weight ?? [];
  if (!input || !outputs || !inputs || !tracker.constant(node.inputs[1])) return false;
  const groups = intOf(node, 'group', 1);
  tieBias(node, outputs, tracker);
  if (groups === 1) {
    tracker.tie(input[1], inputs, node);
    tracker.mixers.push({ node, axis: inputs });
  } else if (inputs.length === 1) {
    if (!depthwise({ node, groups, outputs, input: input[1] }, tracker)) return false;
  } else grouped({ node, groups, outputs, inputs, input: input[1] }, tracker);
  if (groups === 1 || inputs.length > 1) tracker.producers.push({ node, axis: outputs });
  return setOutput(node, tracker, (axis) => (axis === 1 ? outputs : axis === 0 ? input[0] : null));
}

interface Grouping {
  readonly node: Node;
  readonly groups: number;
  readonly outputs: readonly number[];
  readonly input: Axis | undefined;
}

/** Each output channel is made of one input channel. */
function depthwise({ node, groups, outputs, input }: Grouping, tracker: Tracker): boolean {
  if (!input || input.length !== groups) {
    tracker.freeze([outputs, input], `${nodeLabel(node)} works on channels that must stay`);
    return true;
  }
  const multiplier = outputs.length / groups;
  if (!Number.isInteger(multiplier)) return false;
  outputs.forEach((identity, at) => {
    tracker.identities.unite(identity, input[Math.floor(at / multiplier)] ?? identity);
  });
  tracker.fixes.push({ kind: 'group', node, axis: input });
  return true;
}

/** Every group loses the same positions: their sizes must stay equal. */
function grouped(
  {
    node,
    groups,
    outputs,
    inputs,
    input,
  }: Grouping & {
    readonly inputs: readonly number[];
  },
  tracker: Tracker,
): void {
  const { identities } = tracker;
  const perGroup = outputs.length / groups;
  outputs.forEach((identity, at) => {
    identities.unite(identity, outputs[at % perGroup] ?? identity);
  });
  if (!input) tracker.freeze([inputs], `${nodeLabel(node)} reads channels that must stay`);
  input?.forEach((identity, at) => {
    identities.unite(identity, inputs[at % inputs.length] ?? identity);
  });
}

/** Weights are [inputs, outputs / groups, …]. */
export function transposedConvolution(node: Node, tracker: Tracker): boolean {
  const [input, weight] = inputAxes(node, tracker);
  const [inputs, outputs] = weight ?? [];
  if (!input || !inputs || !outputs || intOf(node, 'group', 1) !== 1) return false;
  if (!tracker.constant(node.inputs[1])) return false;
  tieBias(node, outputs, tracker);
  tracker.tie(input[1], inputs, node);
  tracker.mixers.push({ node, axis: inputs });
  tracker.producers.push({ node, axis: outputs });
  return setOutput(node, tracker, (axis) => (axis === 1 ? outputs : axis === 0 ? input[0] : null));
}

export function gemm(node: Node, tracker: Tracker): boolean {
  const [input, weight] = inputAxes(node, tracker);
  const transposed = intOf(node, 'transB', 0) !== 0;
  const [inputs, outputs] = transposed ? [weight?.[1], weight?.[0]] : [weight?.[0], weight?.[1]];
  if (!input || !inputs || !outputs || intOf(node, 'transA', 0) !== 0) return false;
  if (!tracker.constant(node.inputs[1])) return false;
  const bias = node.inputs[2] ? tracker.axesOf(node.inputs[2])?.at(-1) : undefined;
  if (bias && !tracker.constant(node.inputs[2])) return false;
  if (bias && bias.length === outputs.length) tracker.tie(bias, outputs, node);
  tracker.tie(input[1], inputs, node);
  tracker.mixers.push({ node, axis: inputs });
  tracker.producers.push({ node, axis: outputs });
  return setOutput(node, tracker, (axis) => (axis === 0 ? input[0] : outputs));
}

/** Activations times a constant matrix; products of two activations are not followed. */
export function matMul(node: Node, tracker: Tracker): boolean {
  const [input, weight] = inputAxes(node, tracker);
  const [inputs, outputs] = weight ?? [];
  if (!input || !inputs || !outputs || weight?.length !== 2) return false;
  if (!tracker.constant(node.inputs[1]) || tracker.constant(node.inputs[0])) return false;
  tracker.tie(input.at(-1), inputs, node);
  tracker.mixers.push({ node, axis: inputs });
  tracker.producers.push({ node, axis: outputs });
  return setOutput(node, tracker, (axis) => (axis === input.length - 1 ? outputs : input[axis]));
}

/** A parameter per channel: batch and instance normalization. */
export function normalization(node: Node, tracker: Tracker): boolean {
  const [input] = inputAxes(node, tracker);
  if (!input) return false;
  for (const name of node.inputs.slice(1)) {
    if (!tracker.constant(name)) return false;
    tracker.tie(input[1], tracker.axesOf(name)?.[0], node);
  }
  tracker.axes.set(node.outputs[0] ?? '', input);
  return true;
}

/** A scale per channel or one for all. */
export function linear(node: Node, tracker: Tracker): boolean {
  const [input, scale] = inputAxes(node, tracker);
  if (!input) return false;
  const at = intOf(node, 'axis', 1);
  const axis = input.at(at);
  if (scale && scale.length === 1 && scale[0]?.length !== 1) {
    for (const name of node.inputs.slice(1)) {
      if (!tracker.constant(name)) return false;
      tracker.tie(axis, tracker.axesOf(name)?.[0], node);
    }
  } else if (scale && scale.length > 1) return false;
  tracker.axes.set(node.outputs[0] ?? '', input);
  return true;
}

function inputAxes(node: Node, tracker: Tracker): (Axes | null)[] {
  return node.inputs.map((name) => (name === '' ? null : tracker.axesOf(name)));
}

function tieBias(node: Node, outputs: readonly number[], tracker: Tracker): void {
  const [, , bias = ''] = node.inputs;
  if (bias === '') return;
  if (tracker.constant(bias)) tracker.tie(outputs, tracker.axesOf(bias)?.[0], node);
  else tracker.freeze([outputs], `the bias of ${nodeLabel(node)} is no constant`);
}

function setOutput(node: Node, tracker: Tracker, of: (axis: number) => Axis | undefined): boolean {
  const [output = ''] = node.outputs;
  const rank = tracker.dims(output)?.length;
  if (rank === undefined) return false;
  tracker.axes.set(
    output,
    Array.from({ length: rank }, (_, axis) => of(axis) ?? null),
  );
  return true;
}
