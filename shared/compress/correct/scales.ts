/** Chooses what the channels of a joint are divided by, from statistics of its activations. */

import { intOf } from '../../onnx/attributes.ts';
import type { Model } from '../../onnx/graph.ts';
import { emptyTable } from '../../own.ts';
import { type ChannelStatistics, meanSquares } from '../calibrate/channels.ts';
import { type Rewriter, rewriterOf } from '../rewriter.ts';
import { floatsOf } from '../tensors.ts';
import { type Joint, jointsOf } from './joints.ts';

/** How far channels are pulled towards the largest: 0 not at all, 1 until they are equal. */
const exponents = [0.25, 0.5, 0.75, 1];
/** By how much of its range a gated activation may grow downwards to let small channels grow. */
const slacks = [0, 0.1];
/** No channel is enlarged more than this: a nearly dead one would be all noise. */
const largestGain = 64;

/** The scales that leave the least noise, as far as it can be told from these statistics. */
export function chooseScales(
  model: Model,
  statistics: ReadonlyMap<string, ChannelStatistics>,
): Record<string, number[]> {
  const rewriter = rewriterOf(model.graph);
  const chosen = emptyTable<number[]>();
  for (const joint of jointsOf(model)) {
    const own = statistics.get(joint.value);
    if (!own) continue;
    const tensors = joint.scaled.flatMap((value) => statistics.get(value) ?? []);
    const noise = (scales: Float64Array) => noiseOf(joint, { own, tensors, scales }, rewriter);
    let least = noise(new Float64Array(joint.channels).fill(1));
    for (const scales of candidates(joint, tensors)) {
      const cost = noise(scales);
      if (!(cost < least)) continue;
      least = cost;
      chosen[joint.value] = Array.from(scales);
    }
  }
  return chosen;
}

function candidates(joint: Joint, tensors: readonly ChannelStatistics[]): Float64Array[] {
  return (joint.gate ? slacks : [0]).flatMap((slack) => {
    const ranges = tensors.map((tensor) => rangeOf(tensor, joint.upper));
    const gains = Float64Array.from({ length: joint.channels }, (_, channel) => {
      const gain = (sign: number) =>
        Math.min(
          ...tensors.map((tensor, at) =>
            gainWithin(tensor, { channel, sign, slack, ...(ranges[at] ?? { low: 0, high: 0 }) }),
          ),
        );
      const [plain, mirrored] = [gain(1), joint.mirrors ? gain(-1) : 0];
      return plain >= mirrored ? bounded(plain) : -bounded(mirrored);
    });
    return exponents.map((exponent) =>
      gains.map((gain) => Math.fround(Math.sign(gain) * powerOf(1 / Math.abs(gain), exponent))),
    );
  });
}

/** How much larger the channel can become within the range of all channels together. */
function gainWithin(
  { peaks, floors }: ChannelStatistics,
  at: { channel: number; sign: number; slack: number; low: number; high: number },
): number {
  const { channel, sign, slack, low, high } = at;
  const [top, bottom] = [peaks[channel] ?? 0, floors[channel] ?? 0];
  const [up, down] = sign > 0 ? [top, -bottom] : [-bottom, top];
  const room = slack * (high - low) - low;
  const gains = [up > 0 ? high / up : undefined, down > 0 ? room / down : undefined];
  return Math.min(...gains.map((gain) => gain ?? Number.POSITIVE_INFINITY));
}

/** A channel without any values has nothing to gain. */
function bounded(gain: number): number {
  return Number.isFinite(gain) ? Math.min(largestGain, Math.max(1, gain)) : 1;
}

/** Quarters of powers by square roots, which are exact on every machine. */
function powerOf(share: number, exponent: number): number {
  const half = Math.sqrt(share);
  const quarter = Math.sqrt(half);
  return { 0.25: quarter, 0.5: half, 0.75: half * quarter, 1: share }[exponent] ?? 1;
}

/** What a tensor's quantizer spans once its channels are divided by `scales`. */
function rangeOf(
  { peaks, floors }: ChannelStatistics,
  upper: number,
  scales?: Float64Array,
): { low: number; high: number } {
  let [low, high] = [0, 0];
  for (let c = 0; c < peaks.length; c += 1) {
    const ends = [(peaks[c] ?? 0) / (scales?.[c] ?? 1), (floors[c] ?? 0) / (scales?.[c] ?? 1)];
    low = Math.min(low, ...ends);
    high = Math.max(high, ...ends);
  }
  return { low, high: Math.min(high, upper) };
}

interface Scaled {
  readonly own: ChannelStatistics;
  readonly tensors: readonly ChannelStatistics[];
  readonly scales: Float64Array;
}

/**
 * Noise at the consumers' outputs, up to a factor: rounding each tensor on the way to 255 steps of
 * its range, passed on by the weights (Δ²/12·‖W‖² for uniform rounding errors, Bennett 1948), and
 * rounding the weights to 127 steps of their row, passed on by the activation's power.
 */
function noiseOf(joint: Joint, { own, tensors, scales }: Scaled, rewriter: Rewriter): number {
  const squares = meanSquares(own);
  let steps = 0;
  for (const tensor of tensors) {
    const { low, high } = rangeOf(tensor, joint.upper, scales);
    steps += ((high - low) / 255) ** 2;
  }
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
      noise += steps * passed + (peak / 127) ** 2 * power;
    }
  }
  return noise;
}
