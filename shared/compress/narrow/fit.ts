/**
 * Rounds a layer so that behind rounded layers it answers as the float layer does on exact inputs:
 * first the weights are moved to make up for what their inputs lost (least squares: He, Zhang,
 * Sun, "Channel Pruning for Accelerating Very Deep Neural Networks", ICCV 2017, §3.2, asymmetric),
 * then rounded second-order, then the bias takes what is left of the mean.
 */
import { addScaled, inverseFactor } from '../../linear/triangular.ts';
import { type BlockShape, type BlockWeights, emptyBlocks, valuesOf } from '../blockwise/blocks.ts';
import { roundSecondOrder } from '../blockwise/second-order.ts';
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
    const inputs = shrunk(seen, columns);
    const moved = compensated(own, { ...seen, inputs }, columns);
    const blocks = roundSecondOrder(moved, { ...shape, rows }, inputs);
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
function shrunk({ inputs, rows }: GroupMoments, columns: number): Float64Array {
  const kept = rows / (rows + columns);
  return inputs.map((sum, i) => (i % (columns + 1) === 0 ? sum : sum * kept));
}

/** Of the mean variance, added to each when weights are moved: they must not follow noise. */
const ridge = 0.03;

/**
 * W + W·D·H⁻¹: the weights that on the inputs as they are come nearest to what W gives on exact
 * ones.
 */
function compensated(
  weights: Float64Array,
  { inputs, drift, rows }: GroupMoments,
  columns: number,
): Float64Array {
  const kept = rows / (rows + columns);
  if (drift.every((value) => value === 0)) return weights;
  const damped = Float64Array.from(inputs);
  let trace = 0;
  for (let i = 0; i < columns; i += 1) trace += inputs[i * columns + i] ?? 0;
  for (let i = 0; i < columns; i += 1) {
    damped[i * columns + i] = (damped[i * columns + i] ?? 0) + (ridge * trace) / columns;
  }
  const factor = inverseFactor(damped, columns);
  if (!factor) return weights;
  const result = Float64Array.from(weights);
  for (let from = 0; from < weights.length; from += columns) {
    const missing = new Float64Array(columns);
    for (let i = 0; i < columns; i += 1) {
      const by = drift.subarray(i * columns, (i + 1) * columns);
      addScaled(missing, by, { factor: kept * (weights[from + i] ?? 0), from: 0 });
    }
    const step = solved(missing, factor, columns);
    for (let i = 0; i < columns; i += 1)
      result[from + i] = (result[from + i] ?? 0) + (step[i] ?? 0);
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
function shifts(
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
