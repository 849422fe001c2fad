/**
 * Rounds a layer so that behind rounded layers it answers as the float layer does on exact inputs:
 * first the weights are moved to make up for what their inputs lost (least squares: He, Zhang,
 * Sun, "Channel Pruning for Accelerating Very Deep Neural Networks", ICCV 2017, §3.2, asymmetric),
 * then rounded second-order, then the bias takes what is left of the mean.
 */
import { addScaled } from '../../linear/triangular.ts';
import {
  type BlockShape,
  type BlockWeights,
  emptyBlocks,
  roundToNearest,
  valuesOf,
} from '../blockwise/blocks.ts';
import { dampedFactor, roundByFactor } from '../blockwise/second-order.ts';
import type { GroupMoments } from './moments.ts';

export interface Fitted {
  readonly blocks: BlockWeights;
  /** What is to be added to the bias of each output channel. */
  readonly bias: number[];
}

/** `moments` by group; rows of the weights belong to the groups in order. */
export function fitLayer(
  weights: Float64Array,
  shape: BlockShape,
  moments: readonly GroupMoments[],
): Fitted {
  const { columns } = shape;
  const rows = shape.rows / moments.length;
  const whole = emptyBlocks(shape);
  const bias: number[] = [];
  for (const [group, seen] of moments.entries()) {
    const own = weights.subarray(group * rows * columns, (group + 1) * rows * columns);
    const part = { ...shape, rows };
    const factor = dampedFactor(shrunk(seen, columns), columns);
    const blocks = factor
      ? roundByFactor(compensated(own, seen, factor), part, factor)
      : roundToNearest(own, part);
    whole.integers.set(blocks.integers, group * rows * columns);
    whole.scales.set(blocks.scales, group * blocks.scales.length);
    whole.zeros.set(blocks.zeros, group * blocks.zeros.length);
    bias.push(...shifts(own, valuesOf(blocks), seen));
  }
  return { blocks: whole, bias };
}

/**
 * With few rows the sample's covariances are noise: they shrink towards none in the measure in
 * which columns outnumber rows, variances stay (Schäfer, Strimmer 2005, target D).
 */
export function shrunk({ inputs, rows }: GroupMoments, columns: number): Float64Array {
  const kept = rows / (rows + columns);
  return inputs.map((sum, i) => (i % (columns + 1) === 0 ? sum : sum * kept));
}

/** W + W·D·H⁻¹: on the inputs as they are these weights come nearest to W on exact inputs. */
export function compensated(
  weights: Float64Array,
  { drift, rows }: GroupMoments,
  factor: Float64Array,
): Float64Array {
  const columns = Math.sqrt(drift.length);
  const kept = rows / (rows + columns);
  if (drift.every((value) => value === 0)) return weights;
  const result = Float64Array.from(weights);
  for (let from = 0; from < weights.length; from += columns) {
    const missing = new Float64Array(columns);
    for (let i = 0; i < columns; i += 1) {
      const by = drift.subarray(i * columns, (i + 1) * columns);
      addScaled(missing, by, { factor: kept * (weights[from + i] ?? 0), from: 0 });
    }
    addScaled(result.subarray(from, from + columns), solved(missing, factor, columns), {
      factor: 1,
      from: 0,
    });
  }
  return result;
}

/** v·H⁻¹ = (v·Uᵀ)·U for the upper triangular U with H⁻¹ = UᵀU. */
function solved(v: Float64Array, factor: Float64Array, n: number): Float64Array {
  const result = new Float64Array(n);
  for (let i = 0; i < n; i += 1) {
    const row = factor.subarray(i * n, (i + 1) * n);
    let sum = 0;
    for (let j = i; j < n; j += 1) sum += (row[j] ?? 0) * (v[j] ?? 0);
    addScaled(result, row, { factor: sum, from: i });
  }
  return result;
}

/** Mean of the float layer on exact inputs, less that of the rounded one on its own. */
export function shifts(
  exact: Float64Array,
  rounded: Float64Array,
  { exactMean, mean }: GroupMoments,
): number[] {
  const columns = mean.length;
  return Array.from({ length: exact.length / columns }, (_, row) => {
    let sum = 0;
    for (let i = 0; i < columns; i += 1) {
      const at = row * columns + i;
      sum += (exact[at] ?? 0) * (exactMean[i] ?? 0) - (rounded[at] ?? 0) * (mean[i] ?? 0);
    }
    return sum;
  });
}
