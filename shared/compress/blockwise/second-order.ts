/**
 * Second-order rounding: each weight is rounded in turn and what it loses is made up for by the
 * weights of its row that are still free, in the measure in which their inputs vary together.
 * Frantar, Ashkboos, Hoefler, Alistarh: "GPTQ: Accurate Post-Training Quantization for Generative
 * Pre-trained Transformers", ICLR 2023, algorithm 1.
 */
import { addScaled, inverseFactor } from '../../linear/triangular.ts';
import {
  type BlockShape,
  type BlockWeights,
  blockScale,
  blocksOf,
  emptyBlocks,
  levelOf,
  roundToNearest,
} from './blocks.ts';

/** Share of the mean diagonal that is added to the diagonal, against inputs that never vary. */
const damping = 0.02;

/**
 * Rounds rows × columns weights, given the columns × columns second moments XᵀX of their inputs.
 * With moments that cannot be factored (no data, not finite) it rounds to nearest.
 */
export function roundSecondOrder(
  weights: Float64Array,
  shape: BlockShape,
  moments: Float64Array,
): BlockWeights {
  const factor = dampedFactor(moments, shape.columns);
  return factor ? roundByFactor(weights, shape, factor) : roundToNearest(weights, shape);
}

/** U with (moments + damping)⁻¹ = UᵀU; null for moments that cannot be factored. */
export function dampedFactor(moments: Float64Array, columns: number): Float64Array | null {
  return inverseFactor(damped(moments, columns), columns);
}

/** The same with the factor at hand. */
export function roundByFactor(
  weights: Float64Array,
  shape: BlockShape,
  factor: Float64Array,
): BlockWeights {
  const { rows, columns } = shape;
  const importance = Float64Array.from({ length: columns }, (_, i) => {
    const pivot = factor[i * columns + i] ?? 1;
    return 1 / (pivot * pivot);
  });
  const result = emptyBlocks(shape);
  for (let row = 0; row < rows; row += 1) {
    roundRow(weights.slice(row * columns, (row + 1) * columns), {
      row,
      factor,
      importance,
      result,
    });
  }
  return result;
}

interface RowJob {
  readonly row: number;
  readonly factor: Float64Array;
  readonly importance: Float64Array;
  readonly result: BlockWeights;
}

/** Rounds one row, whose free weights change under way. */
function roundRow(free: Float64Array, { row, factor, importance, result }: RowJob): void {
  const { columns, blockSize, bits } = result;
  const perRow = blocksOf(result);
  for (let block = 0; block < perRow; block += 1) {
    const from = block * blockSize;
    const to = Math.min(from + blockSize, columns);
    const chosen = blockScale(free.subarray(from, to), bits, importance.subarray(from, to));
    result.scales[row * perRow + block] = chosen.scale;
    result.zeros[row * perRow + block] = chosen.zero;
    for (let j = from; j < to; j += 1) {
      const level = levelOf(free[j] ?? 0, chosen, bits);
      result.integers[row * columns + j] = level;
      const lost = (free[j] ?? 0) - chosen.scale * (level - chosen.zero);
      const pivot = factor[j * columns + j] ?? 1;
      const rowOfFactor = factor.subarray(j * columns, (j + 1) * columns);
      addScaled(free, rowOfFactor, { factor: -lost / pivot, from: j + 1 });
    }
  }
}

/** Inputs that are always zero get a diagonal too, so that their weights are simply rounded. */
export function damped(moments: Float64Array, n: number): Float64Array {
  let trace = 0;
  for (let i = 0; i < n; i += 1) trace += moments[i * n + i] ?? 0;
  const extra = (damping * trace) / n || 1;
  const result = Float64Array.from(moments);
  for (let i = 0; i < n; i += 1) result[i * n + i] = (result[i * n + i] ?? 0) + extra;
  return result;
}
