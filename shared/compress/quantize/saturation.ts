/**
 * Where a kernel without VNNI would compute wrongly: VPMADDUBSW adds two products of an unsigned
 * and a signed byte in 16 bits and saturates (Intel SDM, vol. 2; onnxruntime mlas/lib/amd64/
 * QgemmU8S8KernelAvx2.asm). Neighbours along the depth are added: channels of one kernel position,
 * as QLinearConv and its im2col keep channels last (onnxruntime qlinearconv.cc). The depthwise
 * kernel widens to 16 bits before it multiplies, and is exact.
 */

import { intOf } from '../../onnx/attributes.ts';
import type { Model, Node } from '../../onnx/graph.ts';
import { emptyTable } from '../../own.ts';
import type { ChannelStatistics } from '../calibrate/channels.ts';
import { type Rewriter, rewriterOf } from '../rewriter.ts';
import { floatsOf, integersOf } from '../tensors.ts';
import { quantize } from './numbers.ts';

/** What two products may add up to, less what rounding both weights anew may add. */
const pairMax = 2 ** 15 - 1 - 255;
const kernelMax = 127;

/** The bytes that a channel of a layer's input was seen to take. */
interface Bounds {
  readonly low: number;
  readonly high: number;
}

/**
 * The largest weight of each output channel with which no pair saturates, by layer; layers where
 * all may be 127 are absent. It is at least 63, 7 bits, with which none ever can. `quantized` is
 * the model in 8 bits; `channels` tells what each channel of a layer's float input was seen to be,
 * undefined where nobody looked: the whole byte is taken to occur then. Both of a pair are taken
 * to be at their bounds at once, so that no saturation on what was seen is missed.
 */
export function weightLimits(
  quantized: Model,
  channels: (layer: string) => ChannelStatistics | undefined,
): Record<string, number[]> {
  const rewriter = rewriterOf(quantized.graph);
  const limits = emptyTable<number[]>();
  for (const node of quantized.graph.nodes) {
    const depth = depthOf(node, rewriter);
    const bounds = depth && boundsOf(node, rewriter, channels(node.name));
    if (!depth || !bounds) continue;
    const rows = Array.from({ length: depth.rows }, (_, row) => limitOf(row, depth, bounds));
    if (rows.some((limit) => limit < kernelMax)) limits[node.name] = rows;
  }
  return limits;
}

/** One sentence for the report of a layer. */
export function limitReason(limits: readonly number[]): string {
  const limited = limits.filter((limit) => limit < kernelMax);
  return (
    `weights of ${limited.length} of ${limits.length} channels are at most ` +
    `${Math.min(...limited)} to ${Math.max(...limited)}, so that two products fit 16 bits`
  );
}

/** Rows of weights as the kernel walks along them. */
interface Depth {
  readonly rows: number;
  readonly length: number;
  at(row: number, k: number): number;
  /** Input channel of element k of a row. */
  channel(row: number, k: number): number;
}

function depthOf(node: Node, rewriter: Rewriter): Depth | undefined {
  const dequantize = rewriter.producer(node.inputs[1] ?? '');
  const tensor = rewriter.constant(dequantize?.inputs[0]);
  const values = tensor?.type === 'int8' ? integersOf(tensor) : undefined;
  if (!tensor || !values || dequantize?.op !== 'DequantizeLinear') return undefined;
  const [first = 1, second = 1, ...kernel] = tensor.dims;
  const weight = (i: number) => values[i] ?? 0;
  if (node.op === 'Conv') {
    const positions = kernel.reduce((product, dim) => product * dim, 1);
    const groups = intOf(node, 'group', 1);
    if (groups > 1 && second === 1) return undefined;
    return {
      ...{ rows: first, length: second * positions },
      at: (row, k) => weight((row * second + (k % second)) * positions + Math.floor(k / second)),
      channel: (row, k) => Math.floor((row * groups) / first) * second + (k % second),
    };
  }
  const columns = node.op === 'MatMul';
  const [rows, length] = columns ? [second, first] : [first, second];
  const at = (row: number, k: number) => weight(columns ? k * second + row : row * second + k);
  return { rows, length, at, channel: (_, k) => k };
}

function boundsOf(
  node: Node,
  rewriter: Rewriter,
  seen: ChannelStatistics | undefined,
): ((channel: number) => Bounds) | undefined {
  const dequantize = rewriter.producer(node.inputs[0] ?? '');
  const [, scaleName, zeroName] = dequantize?.inputs ?? [];
  const scale = floatsOf(rewriter.constant(scaleName))?.[0];
  const zero = integersOf(rewriter.constant(zeroName))?.[0];
  if (dequantize?.op !== 'DequantizeLinear' || scale === undefined || zero === undefined) {
    return undefined;
  }
  const quantizer = { scale, zero, low: 0, high: 255 };
  const peaks = seen?.peaks ?? [];
  return (channel) => {
    const peak = peaks[channel];
    if (peak === undefined) return { low: 0, high: 255 };
    const floor = seen?.floors[channel] ?? 0;
    return { low: quantize(floor, quantizer), high: quantize(peak, quantizer) };
  };
}

function limitOf(
  row: number,
  { length, at, channel }: Depth,
  bounds: (channel: number) => Bounds,
): number {
  let peak = 0;
  for (let k = 0; k + 1 < length; k += 2) {
    let [lowest, highest] = [0, 0];
    for (const one of [k, k + 1]) {
      const weight = at(row, one);
      const { low, high } = bounds(channel(row, one));
      lowest += Math.min(weight * low, weight * high);
      highest += Math.max(weight * low, weight * high);
    }
    peak = Math.max(peak, -lowest, highest);
  }
  if (peak <= pairMax) return kernelMax;
  return Math.max(63, Math.floor((kernelMax * pairMax) / peak));
}

/** Inputs of layers whose channels say what may saturate, with their number of channels. */
export function channelsToWatch(canonical: Model): Map<string, number> {
  const rewriter = rewriterOf(canonical.graph);
  const watched = canonical.graph.nodes.flatMap((node) => {
    const [, inner = 0] = rewriter.constant(node.inputs[1])?.dims ?? [];
    const [input = ''] = node.inputs;
    if (inner === 0 || (node.op !== 'Conv' && node.op !== 'Gemm')) return [];
    return [[input, inner * intOf(node, 'group', 1)] as const];
  });
  return new Map(watched);
}
