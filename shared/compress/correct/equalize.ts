/**
 * Cross-layer equalization: channels of an activation that use little of its range are enlarged in
 * the layer before and made small again in the layers after, which changes nothing in float and
 * wastes fewer of the 256 levels (Nagel et al., "Data-Free Quantization Through Weight
 * Equalization and Bias Correction", ICCV 2019, §4.1). Channels are only enlarged, up to the range
 * that the largest uses: the range stays, and with it a Clip.
 *
 * A scale cannot pass a gate, y = x·sigmoid(x), but it passes around it: the gate is fed with x,
 * scaled back, and the product takes the scale from its other side. That holds for negative scales
 * too, so that a channel that is mostly negative can use the large positive side.
 */

import type { Model, Node } from '../../onnx/graph.ts';
import { own as entryOf } from '../../own.ts';
import { float, int, makeNode } from '../attributes.ts';
import { scaleInputs, scaleOutputs } from '../canonical/affine.ts';
import { contextOf } from '../canonical/context.ts';
import { copyModel } from '../canonical/copy.ts';
import type { Rewriter } from '../rewriter.ts';
import { floatTensor } from '../tensors.ts';
import { type Joint, jointsOf } from './joints.ts';

/** By value: what its channels are divided by. */
export type EqualizeScales = Readonly<Record<string, readonly number[]>>;

/** A new model that computes the same but for Clips of channels beyond what was ever observed. */
export function equalize(model: Model, scales: EqualizeScales): Model {
  if (Object.keys(scales).length === 0) return model;
  const copy = copyModel(model);
  const { rewriter } = contextOf(copy);
  for (const joint of jointsOf(copy)) {
    const own = entryOf(scales, joint.value);
    if (own?.length !== joint.channels) continue;
    const shift = new Float64Array(joint.channels);
    const divide = { scale: Float64Array.from(own, (s) => 1 / s), shift };
    const multiply = { scale: Float64Array.from(own), shift };
    if (!scaleOutputs(joint.producer, divide, rewriter)) continue;
    if (joint.gate) feedGate(joint, joint.gate, { own, rewriter });
    for (const consumer of joint.consumers) scaleInputs(consumer, multiply, rewriter);
  }
  return copy;
}

/** The gate sees what it saw before. */
function feedGate(
  { producer }: Joint,
  gate: Node,
  { own, rewriter }: { own: readonly number[]; rewriter: Rewriter },
): void {
  const [raw = ''] = producer.outputs;
  const name = rewriter.fresh(`${producer.name}.gate`);
  const back = gate.op === 'Sigmoid' ? convBack(name, { raw, own }, rewriter) : undefined;
  const added = back ?? mulBack(name, { raw, own }, rewriter);
  rewriter.insertAfter(producer, added);
  if (gate.op === 'HardSwish') splitHardSwish(gate, name, rewriter);
  else rewriter.setInput(gate, 0, name);
}

interface Back {
  readonly raw: string;
  readonly own: readonly number[];
}

/** A depthwise convolution of one weight a channel stays in integers, as the Sigmoid behind it. */
function convBack(name: string, { raw, own }: Back, rewriter: Rewriter): Node {
  const dims = [own.length, ...alone(raw, rewriter, 1)];
  const weights = rewriter.addConstant(`${name}.weight`, floatTensor(dims, own));
  return makeNode('Conv', name, {
    inputs: [raw, weights],
    outputs: [name],
    attributes: { group: int(own.length) },
  });
}

/** Other gates have no integer kernel: their input is better off in float. */
function mulBack(name: string, { raw, own }: Back, rewriter: Rewriter): Node {
  const dims = [own.length, ...alone(raw, rewriter, 2)];
  const scales = rewriter.addConstant(`${name}.scale`, floatTensor(dims, own));
  return makeNode('Mul', name, { inputs: [raw, scales], outputs: [name] });
}

/** Ones for the axes of the producer's weights behind the first `after`. */
function alone(raw: string, rewriter: Rewriter, after: number): number[] {
  const rank = rewriter.constant(rewriter.producer(raw)?.inputs[1])?.dims.length ?? 4;
  return Array.from({ length: rank - after }, () => 1);
}

/** HardSwish(x) = x·HardSigmoid(x) with a slope of 1/6 (ONNX operator HardSwish-14). */
function splitHardSwish(gate: Node, back: string, rewriter: Rewriter): void {
  const factor = rewriter.fresh(`${gate.outputs[0]}.factor`);
  const hard = makeNode('HardSigmoid', factor, {
    inputs: [back],
    outputs: [factor],
    attributes: { alpha: float(1 / 6), beta: float(0.5) },
  });
  rewriter.insertBefore(gate, hard);
  gate.op = 'Mul';
  rewriter.setInput(gate, 1, factor);
}
