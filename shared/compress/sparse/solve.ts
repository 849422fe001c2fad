/**
 * The kept weights of all rows at once that lose least, zeros staying zero: conjugate gradients,
 * scaled by the diagonal (Hestenes, Stiefel, "Methods of Conjugate Gradients for Solving Linear
 * Systems", 1952). A row's pattern is its own, the second moments are everyone's, so that a step of
 * all rows is one product of matrices.
 */
import type { Products } from '../../linear/product.ts';

/** What is left after so many steps is below what calibration data can tell. */
const stepsMax = 40;
/** A row whose squared residual has fallen to this share is done. */
const doneAt = 1e-8;

export interface KeptJob {
  /** Where zeros stand, and where the search begins. Changed in place; rows × columns. */
  readonly kept: Float64Array;
  /** What the rows were before anything went. */
  readonly wanted: Float64Array;
  /** columns × columns, positive definite. */
  readonly moments: Float64Array;
  readonly columns: number;
}

/** min (w − ŵ)·H·(w − ŵ)ᵀ for each row over the weights that are not zero. */
export async function solveKept(job: KeptJob, products: Products): Promise<void> {
  const { kept, wanted, moments, columns } = job;
  const h = Float32Array.from(moments);
  const mask = kept.map((value) => Number(value !== 0));
  const times = async (rows: Float64Array) => {
    const product = await products.plain(Float32Array.from(rows), h, columns);
    return mask.map((keeps, at) => keeps * (product[at] ?? 0));
  };
  const scale = Float64Array.from({ length: columns }, (_, j) => moments[j * columns + j] ?? 1);
  const scaled = (rows: Float64Array) =>
    rows.map((value, at) => value / (scale[at % columns] ?? 1));
  const residual = await times(wanted.map((value, at) => value - (kept[at] ?? 0)));
  const first = rowProducts(residual, scaled(residual), columns);
  const direction = scaled(residual);
  let before = first;
  for (let step = 0; step < stepsMax; step += 1) {
    if (before.every((value, row) => value <= doneAt * (first[row] ?? 0))) return;
    const along = await times(direction);
    const lengths = rowProducts(direction, along, columns).map((curvature, row) =>
      curvature > 0 ? (before[row] ?? 0) / curvature : 0,
    );
    for (let at = 0; at < kept.length; at += 1) {
      const length = lengths[Math.floor(at / columns)] ?? 0;
      kept[at] = (kept[at] ?? 0) + length * (direction[at] ?? 0);
      residual[at] = (residual[at] ?? 0) - length * (along[at] ?? 0);
    }
    const next = scaled(residual);
    const after = rowProducts(residual, next, columns);
    for (let at = 0; at < direction.length; at += 1) {
      const row = Math.floor(at / columns);
      const share = (before[row] ?? 0) > 0 ? (after[row] ?? 0) / (before[row] ?? 1) : 0;
      direction[at] = (next[at] ?? 0) + share * (direction[at] ?? 0);
    }
    before = after;
  }
}

function rowProducts(a: Float64Array, b: Float64Array, columns: number): Float64Array {
  const sums = new Float64Array(a.length / columns);
  for (let at = 0; at < a.length; at += 1) {
    const row = Math.floor(at / columns);
    sums[row] = (sums[row] ?? 0) + (a[at] ?? 0) * (b[at] ?? 0);
  }
  return sums;
}
