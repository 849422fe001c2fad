/**
 * Least squares with a pull towards known weights: min ‖XWᵀ + b − T‖² + λ‖W − W₀‖² (ridge
 * regression about W₀). X stays in blocks of float32 rows; sums are float64.
 */
import type { Products } from '../../linear/product.ts';
import { inverseFactor } from '../../linear/triangular.ts';

export interface Block {
  readonly rows: number;
  /** rows × columns. */
  readonly x: Float32Array;
}

export interface Ridge {
  /** `targets` block by block, rows × outputs each; without a bias nothing is centred. */
  solve(targets: readonly Float32Array[], weights: Float64Array): Promise<Solution>;
}

export interface Solution {
  /** outputs × columns. */
  readonly weights: Float64Array;
  readonly bias: Float64Array;
}

export interface RidgeOptions {
  readonly columns: number;
  readonly centred: boolean;
  /** λ as a share of the mean variance of a column. */
  readonly strength: number;
  readonly products: Products;
}

/** null where the equations cannot be solved: an input that is always the same everywhere. */
export async function ridgeOf(
  blocks: readonly Block[],
  { columns, centred, strength, products }: RidgeOptions,
): Promise<Ridge | null> {
  const rows = blocks.reduce((sum, block) => sum + block.rows, 0);
  const mean = centred
    ? meanOf(
        blocks.map(({ x }) => x),
        columns,
        rows,
      )
    : new Float64Array(columns);
  const gram = new Float64Array(columns * columns);
  for (const { x, rows: own } of blocks) addTo(gram, await products.transposed(x, x, own));
  centre(gram, { a: mean, b: mean, rows });
  let trace = 0;
  for (let i = 0; i < columns; i += 1) trace += gram[i * columns + i] ?? 0;
  const lambda = Math.max((strength * trace) / columns, Number.MIN_VALUE);
  for (let i = 0; i < columns; i += 1)
    gram[i * columns + i] = (gram[i * columns + i] ?? 0) + lambda;
  const factor = trace > 0 ? inverseFactor(gram, columns) : null;
  if (!factor) return null;
  return {
    async solve(targets, weights) {
      const outputs = weights.length / columns;
      const aim = centred ? meanOf(targets, outputs, rows) : new Float64Array(outputs);
      const cross = new Float64Array(outputs * columns);
      for (const [at, { x, rows: own }] of blocks.entries()) {
        addTo(cross, await products.transposed(targets[at] ?? x, x, own));
      }
      centre(cross, { a: aim, b: mean, rows });
      for (let i = 0; i < cross.length; i += 1) {
        cross[i] = (cross[i] ?? 0) + lambda * (weights[i] ?? 0);
      }
      const solved = timesInverse(cross, factor, columns);
      const bias = aim.map((value, row) => {
        let sum = value;
        for (let i = 0; i < columns; i += 1)
          sum -= (solved[row * columns + i] ?? 0) * (mean[i] ?? 0);
        return sum;
      });
      return { weights: solved, bias };
    },
  };
}

function meanOf(blocks: readonly Float32Array[], columns: number, rows: number): Float64Array {
  const mean = new Float64Array(columns);
  for (const values of blocks) {
    for (let from = 0; from < values.length; from += columns) {
      for (let i = 0; i < columns; i += 1) mean[i] = (mean[i] ?? 0) + (values[from + i] ?? 0);
    }
  }
  return mean.map((sum) => sum / Math.max(1, rows));
}

function addTo(sums: Float64Array, values: Float32Array): void {
  for (let i = 0; i < sums.length; i += 1) sums[i] = (sums[i] ?? 0) + (values[i] ?? 0);
}

/** Σ abᵀ less rows · āb̄ᵀ. */
function centre(
  sums: Float64Array,
  { a, b, rows }: { a: Float64Array; b: Float64Array; rows: number },
): void {
  for (let i = 0; i < a.length; i += 1) {
    const factor = rows * (a[i] ?? 0);
    if (factor === 0) continue;
    for (let j = 0; j < b.length; j += 1) {
      sums[i * b.length + j] = (sums[i * b.length + j] ?? 0) - factor * (b[j] ?? 0);
    }
  }
}

/** M·A⁻¹ = (M·Uᵀ)·U for the upper triangular U with A⁻¹ = UᵀU, row by row. */
function timesInverse(m: Float64Array, u: Float64Array, n: number): Float64Array {
  const result = new Float64Array(m.length);
  for (let from = 0; from < m.length; from += n) {
    for (let i = 0; i < n; i += 1) {
      const at = i * n;
      let sum = 0;
      for (let j = i; j < n; j += 1) sum += (u[at + j] ?? 0) * (m[from + j] ?? 0);
      for (let j = i; j < n; j += 1) {
        result[from + j] = (result[from + j] ?? 0) + sum * (u[at + j] ?? 0);
      }
    }
  }
  return result;
}
