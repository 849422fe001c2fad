/**
 * Cross-layer equalization: channels of an activation that use little of its range are enlarged in
 * the layer before and made small again in the layers after, which changes nothing in float and
 * wastes fewer of the 256 levels (Nagel et al., "Data-Free Quantization Through Weight
 * Equalization and Bias Correction", ICCV 2019, §4.1). Here channels are only enlarged, up to the
 * range that the largest uses: the range stays, and with it a Clip.
 */
import { intOf } from '../onnx/attributes.ts';
import type { Model, Node } from '../onnx/graph.ts';
import { type ChannelStatistics, meanSquares } from './calibrate/channels.ts';
import { bound } from './canonical/activation.ts';
import { outputChannels, scaleInputs, scaleOutputs } from './canonical/affine.ts';
import { contextOf } from './canonical/context.ts';
import { copyModel } from './canonical/copy.ts';
import { type Rewriter, rewriterOf } from './rewriter.ts';
import { floatsOf } from './tensors.ts';

/** A value that can be equalized: made by one layer, used by layers only. */
export interface Joint {
  /** After the Relu or Clip: never negative. */
  readonly value: string;
  readonly producer: Node;
  readonly consumers: readonly Node[];
  readonly channels: number;
  /** The bound of a Clip; infinite for a Relu. */
  readonly upper: number;
}

/** By value: what its channels are divided by. */
export type EqualizeScales = Readonly<Record<string, readonly number[]>>;

/** How far channels are pulled towards the largest: 0 not at all, 1 until they are equal. */
const exponents = [0, 0.25, 0.5, 0.75, 1];
/** No channel is enlarged more than this: a nearly dead one would be all noise. */
const smallestScale = 1 / 64;

export function jointsOf(model: Model): Joint[] {
  const { rewriter } = contextOf(model);
  return model.graph.nodes.flatMap((node) => jointBehind(node, rewriter, model) ?? []);
}

/** The scales that leave the least noise, as far as it can be told from these statistics. */
export function chooseScales(
  model: Model,
  statistics: ReadonlyMap<string, ChannelStatistics>,
): Record<string, number[]> {
  const rewriter = rewriterOf(model.graph);
  const chosen: Record<string, number[]> = {};
  for (const joint of jointsOf(model)) {
    const own = statistics.get(joint.value);
    if (!own) continue;
    const candidates = exponents.map((exponent) => scalesFor(joint, own, exponent));
    const costs = candidates.map((scales) => noiseOf(joint, { statistics: own, scales }, rewriter));
    const best = costs.indexOf(Math.min(...costs));
    const scales = candidates[best];
    if (best > 0 && scales) chosen[joint.value] = Array.from(scales);
  }
  return chosen;
}

/** A new model that computes the same but for Clips of channels beyond what was ever observed. */
export function equalize(model: Model, scales: EqualizeScales): Model {
  if (Object.keys(scales).length === 0) return model;
  const copy = copyModel(model);
  const { rewriter } = contextOf(copy);
  for (const joint of jointsOf(copy)) {
    const own = scales[joint.value];
    if (own?.length !== joint.channels) continue;
    const shift = new Float64Array(joint.channels);
    const divide = { scale: Float64Array.from(own, (s) => 1 / s), shift };
    const multiply = { scale: Float64Array.from(own), shift };
    if (!scaleOutputs(joint.producer, divide, rewriter)) continue;
    for (const consumer of joint.consumers) scaleInputs(consumer, multiply, rewriter);
  }
  return copy;
}

function jointBehind(node: Node, rewriter: Rewriter, model: Model): Joint | undefined {
  if (node.op !== 'Conv') return undefined;
  const activation = rewriter.onlyConsumer(node.outputs[0] ?? '');
  if (activation?.op !== 'Relu' && activation?.op !== 'Clip') return undefined;
  const context = contextOf(model);
  const low = activation.op === 'Relu' ? 0 : bound(activation, 1, context);
  const upper = activation.op === 'Relu' ? Number.POSITIVE_INFINITY : bound(activation, 2, context);
  const [value = ''] = activation.outputs;
  const consumers = layersBehind(value, rewriter);
  const channels = outputChannels(node, rewriter);
  if (low !== 0 || !(upper > 0) || !consumers || channels === undefined) return undefined;
  return { value, producer: node, consumers, channels, upper };
}

/** The Convs that use the value, past pools; undefined where anything else does. */
function layersBehind(value: string, rewriter: Rewriter): Node[] | undefined {
  if (rewriter.pinned(value)) return undefined;
  const layers: Node[] = [];
  for (const user of rewriter.consumers(value)) {
    const pools = user.op === 'MaxPool' || user.op === 'AveragePool';
    const found = pools ? layersBehind(user.outputs[0] ?? '', rewriter) : layerOf(user, rewriter);
    if (!found) return undefined;
    layers.push(...found);
  }
  return layers.length > 0 ? layers : undefined;
}

function layerOf(node: Node, rewriter: Rewriter): Node[] | undefined {
  const constant = rewriter.constant(node.inputs[1])?.type === 'float';
  return node.op === 'Conv' && constant ? [node] : undefined;
}

function scalesFor(joint: Joint, { peaks }: ChannelStatistics, exponent: number): Float64Array {
  const largest = Math.min(joint.upper, Math.max(...peaks));
  return peaks.map((peak) => {
    if (!(peak > 0) || !(largest > 0)) return 1;
    const share = Math.min(1, Math.max(smallestScale, peak / largest));
    return Math.fround(powerOf(share, exponent));
  });
}

/** Quarters of powers by square roots, which are exact on every machine. */
function powerOf(share: number, exponent: number): number {
  const half = Math.sqrt(share);
  const quarter = Math.sqrt(half);
  return { 0: 1, 0.25: quarter, 0.5: half, 0.75: half * quarter, 1: share }[exponent] ?? 1;
}

/**
 * Noise at the consumers' outputs, up to a factor: rounding the activation to 255 steps of its
 * range, passed on by the weights, and rounding the weights to 127 steps of their row, passed on
 * by the activation's power (uniform rounding errors, Bennett 1948).
 */
function noiseOf(
  joint: Joint,
  { statistics, scales }: { statistics: ChannelStatistics; scales: Float64Array },
  rewriter: Rewriter,
): number {
  const squares = meanSquares(statistics);
  const step = Math.min(joint.upper, Math.max(...statistics.peaks)) / 255;
  let noise = 0;
  for (const consumer of joint.consumers) {
    const tensor = rewriter.constant(consumer.inputs[1]);
    const weights = floatsOf(tensor);
    if (!tensor || !weights) continue;
    const [outputs = 1, perGroup = 1] = tensor.dims;
    const kernel = weights.length / (outputs * perGroup);
    const perOutputGroup = outputs / intOf(consumer, 'group', 1);
    for (let o = 0; o < outputs; o += 1) {
      let [peak, passed, power] = [0, 0, 0];
      for (let i = 0; i < perGroup; i += 1) {
        const channel = Math.floor(o / perOutputGroup) * perGroup + i;
        const scale = scales[channel] ?? 1;
        power += (kernel * (squares[channel] ?? 0)) / (scale * scale);
        for (let k = 0; k < kernel; k += 1) {
          const weight = (weights[(o * perGroup + i) * kernel + k] ?? 0) * scale;
          peak = Math.max(peak, Math.abs(weight));
          passed += weight * weight;
        }
      }
      noise += step * step * passed + (peak / 127) ** 2 * power;
    }
  }
  return noise;
}
