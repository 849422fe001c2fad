/**
 * Weights of 8, 4 or 2 bits with a scale and a zero point for every block of a row, as
 * `MatMulNBits` of ONNX Runtime computes with them (com.microsoft, docs/ContribOperators.md):
 * w ≈ scale·(q − zero), q and zero unsigned. Float64 in a fixed order.
 */
import { fromFloat16, toFloat16 } from '../../evaluate/tensor.ts';
import { clamp, roundToEven } from '../quantize/numbers.ts';

export type NarrowBits = 8 | 4 | 2;

export interface BlockShape {
  readonly bits: NarrowBits;
  /** Rows: output channels. */
  readonly rows: number;
  /** Weights of a row; the last block may be shorter than the others. */
  readonly columns: number;
  /** A power of two from 16 to 256 for `MatMulNBits`; any size where weights are only stored. */
  readonly blockSize: number;
}

export interface BlockWeights extends BlockShape {
  /** rows × columns integers. */
  readonly integers: Uint8Array;
  /** rows × blocks, float32 values. */
  readonly scales: Float64Array;
  /** rows × blocks. */
  readonly zeros: Uint8Array;
}

export interface BlockScale {
  readonly scale: number;
  readonly zero: number;
}

export function blocksOf({ columns, blockSize }: BlockShape): number {
  return Math.ceil(columns / blockSize);
}

/**
 * Rounds every weight to the nearest of its block's levels; `importance` is that of each column.
 */
export function roundToNearest(
  weights: Float64Array,
  shape: BlockShape,
  importance?: Float64Array,
): BlockWeights {
  const blocks = blocksOf(shape);
  const result = emptyBlocks(shape);
  for (let row = 0; row < shape.rows; row += 1) {
    for (let block = 0; block < blocks; block += 1) {
      const from = row * shape.columns + block * shape.blockSize;
      const to = Math.min(from + shape.blockSize, (row + 1) * shape.columns);
      const start = block * shape.blockSize;
      const matters = importance?.subarray(start, start + to - from);
      const chosen = blockScale(weights.subarray(from, to), shape.bits, matters);
      result.scales[row * blocks + block] = chosen.scale;
      result.zeros[row * blocks + block] = chosen.zero;
      for (let i = from; i < to; i += 1) {
        result.integers[i] = levelOf(weights[i] ?? 0, chosen, shape.bits);
      }
    }
  }
  return result;
}

export function emptyBlocks(shape: BlockShape): BlockWeights {
  const { bits, rows, columns, blockSize } = shape;
  const count = rows * blocksOf(shape);
  return {
    ...{ bits, rows, columns, blockSize },
    integers: new Uint8Array(rows * columns),
    scales: new Float64Array(count),
    zeros: new Uint8Array(count),
  };
}

/** The weights that the integers stand for, rows × columns. */
export function valuesOf(blocks: BlockWeights): Float64Array {
  const perRow = blocksOf(blocks);
  return Float64Array.from(blocks.integers, (level, i) => {
    const row = Math.floor(i / blocks.columns);
    const index = row * perRow + Math.floor((i % blocks.columns) / blocks.blockSize);
    return (blocks.scales[index] ?? 0) * (level - (blocks.zeros[index] ?? 0));
  });
}

export function levelOf(value: number, { scale, zero }: BlockScale, bits: NarrowBits): number {
  return clamp(roundToEven(value / scale) + zero, 0, 2 ** bits - 1);
}

/** How far the range of a block is drawn in when the best scale is searched for. */
const shrinks = { 8: [1], 4: steps(1, 0.7, 16), 2: steps(1, 0.3, 24) } as const;

/**
 * The scale and zero point of least squared error over the block, weighted by how much each weight
 * matters. Rounding clips what a smaller range leaves out, and gains on all the others.
 */
export function blockScale(
  weights: Float64Array,
  bits: NarrowBits,
  importance?: Float64Array,
): BlockScale {
  let low = 0;
  let high = 0;
  for (const weight of weights) {
    low = Math.min(low, weight);
    high = Math.max(high, weight);
  }
  if (low === high) return { scale: 1, zero: 2 ** (bits - 1) };
  let best: BlockScale = { scale: 1, zero: 0 };
  let least = Number.POSITIVE_INFINITY;
  for (const shrink of shrinks[bits]) {
    for (const scale of candidateScales(low * shrink, high * shrink, bits)) {
      const error = squaredError(weights, { scale, bits, importance, low, least });
      if (error.sum < least) {
        least = error.sum;
        best = error.at;
      }
    }
  }
  return best;
}

/** The whole range over all levels; and the larger side over the levels of a symmetric grid. */
function candidateScales(low: number, high: number, bits: NarrowBits): readonly number[] {
  const levels = 2 ** bits - 1;
  const symmetric = Math.max(-low, high) / 2 ** (bits - 1);
  return [storable((high - low) / levels), storable(symmetric)].filter((s) => s > 0);
}

/** The nearest float16, which takes half the bytes; float32 beyond what float16 holds exactly. */
export function storable(scale: number): number {
  const normal = scale >= 2 ** -14 && scale <= 65504;
  return normal ? fromFloat16(toFloat16(scale)) : Math.fround(scale);
}

interface Grid {
  readonly scale: number;
  readonly bits: NarrowBits;
  readonly importance: Float64Array | undefined;
  /** The least weight of the block, or zero. */
  readonly low: number;
  /** The least error so far: what reaches it need not be summed to the end. */
  readonly least: number;
}

/** The least error of this scale over the zero points that can be best: about where zero lies. */
function squaredError(weights: Float64Array, grid: Grid): { sum: number; at: BlockScale } {
  const { scale, bits, low } = grid;
  const most = 2 ** bits - 1;
  const around = clamp(roundToEven(-low / scale), 0, most);
  let best = { sum: Number.POSITIVE_INFINITY, at: { scale, zero: around } };
  for (let zero = Math.max(around - 1, 0); zero <= Math.min(around + 1, most); zero += 1) {
    const sum = errorAt(weights, zero, { ...grid, least: Math.min(grid.least, best.sum) });
    if (sum < best.sum) best = { sum, at: { scale, zero } };
  }
  return best;
}

/** The loop that rounding spends its time in. */
function errorAt(weights: Float64Array, zero: number, grid: Grid): number {
  const { scale, bits, importance, least: enough } = grid;
  const [least, most] = [-zero, 2 ** bits - 1 - zero];
  let sum = 0;
  for (let i = 0; i < weights.length && sum < enough; i += 1) {
    const weight = weights[i] ?? 0;
    const level = Math.min(Math.max(roundToEven(weight / scale), least), most);
    const error = weight - scale * level;
    sum += error * error * (importance?.[i] ?? 1);
  }
  return sum;
}

function steps(from: number, to: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => from + ((to - from) * i) / (count - 1));
}
