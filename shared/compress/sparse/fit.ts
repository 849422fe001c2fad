/**
 * Makes weights zero and lets the others make up for them. Which go is decided column by column by
 * the error that each would leave, those to the right taking up what is lost (Frantar, Alistarh,
 * "SparseGPT: Massive Language Models Can be Accurately Pruned in One-Shot", ICML 2023, algorithm
 * 1); then the kept weights of each row are solved for together, which algorithm 1 does without.
 */
import type { Products } from '../../linear/product.ts';
import { addScaled } from '../../linear/triangular.ts';
import { damped, dampedFactor } from '../blockwise/second-order.ts';
import { compensated, shifts, shrunk } from '../narrow/fit.ts';
import type { GroupMoments } from '../narrow/moments.ts';
import type { Pattern } from './pattern.ts';
import { solveKept } from './solve.ts';

export interface Sparse {
  /** rows × columns. */
  readonly weights: Float64Array;
  /** What is to be added to the bias of each output channel. */
  readonly bias: number[];
}

export interface SparseShape {
  readonly rows: number;
  readonly columns: number;
}

export interface SparseJob {
  /** By group; rows of the weights belong to the groups in order. */
  readonly moments: readonly GroupMoments[];
  readonly pattern: Pattern;
  readonly products: Products;
}

/** Columns among which a share of zeros is chosen at a time, as in the paper. */
const blockColumns = 128;

export async function sparsify(
  weights: Float64Array,
  shape: SparseShape,
  { moments, pattern, products }: SparseJob,
): Promise<Sparse> {
  const { columns } = shape;
  const rows = shape.rows / moments.length;
  const whole = new Float64Array(weights.length);
  const bias: number[] = [];
  for (const [group, seen] of moments.entries()) {
    const own = weights.subarray(group * rows * columns, (group + 1) * rows * columns);
    const spread = shrunk(seen, columns);
    const factor = dampedFactor(spread, columns) ?? identity(columns);
    const wanted = compensated(own, seen, factor);
    const kept = chosen(Float64Array.from(wanted), { rows, columns }, { factor, pattern });
    await solveKept({ kept, wanted, moments: damped(spread, columns), columns }, products);
    whole.set(kept, group * rows * columns);
    bias.push(...shifts(own, kept, seen));
  }
  return { weights: whole, bias };
}

/** Weights with zeros, of which only their places are exact; `free` is changed under way. */
function chosen(
  free: Float64Array,
  { rows, columns }: SparseShape,
  { factor, pattern }: { factor: Float64Array; pattern: Pattern },
): Float64Array {
  const width = pattern.of === 0 ? blockColumns : pattern.of;
  for (let from = 0; from < columns; from += width) {
    const to = Math.min(from + width, columns);
    const scores = scoresOf(free, { rows, columns }, { from, to, factor });
    const gone = pattern.of === 0 ? least(scores, pattern) : leastByRow(scores, to - from, pattern);
    for (let row = 0; row < rows; row += 1) {
      const own = free.subarray(row * columns, (row + 1) * columns);
      for (let j = from; j < to; j += 1) {
        if (gone[row * (to - from) + j - from] === 0) continue;
        const pivot = factor[j * columns + j] ?? 1;
        const by = factor.subarray(j * columns, (j + 1) * columns);
        addScaled(own, by, { factor: -(own[j] ?? 0) / pivot, from: j + 1 });
        own[j] = 0;
      }
    }
  }
  return free;
}

/** w² / [H⁻¹]ⱼⱼ of what is left of H: the error that a zero leaves, rows × (to − from). */
function scoresOf(
  free: Float64Array,
  { rows, columns }: SparseShape,
  { from, to, factor }: { from: number; to: number; factor: Float64Array },
): Float64Array {
  const scores = new Float64Array(rows * (to - from));
  for (let row = 0; row < rows; row += 1) {
    for (let j = from; j < to; j += 1) {
      const value = (free[row * columns + j] ?? 0) / (factor[j * columns + j] ?? 1);
      scores[row * (to - from) + j - from] = value * value;
    }
  }
  return scores;
}

/** 1 at the places of the least scores. */
function least(scores: Float64Array, pattern: Pattern): Uint8Array {
  const gone = new Uint8Array(scores.length);
  const order = [...scores.keys()].sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0) || a - b);
  for (const at of order.slice(0, pattern.zeros(scores.length))) gone[at] = 1;
  return gone;
}

function leastByRow(scores: Float64Array, width: number, pattern: Pattern): Uint8Array {
  const gone = new Uint8Array(scores.length);
  for (let from = 0; from < scores.length; from += width) {
    gone.set(least(scores.subarray(from, from + width), pattern), from);
  }
  return gone;
}

function identity(n: number): Float64Array {
  return Float64Array.from({ length: n * n }, (_, i) => Number(i % (n + 1) === 0));
}
