/**
 * Factors of symmetric positive definite matrices, float64 in a fixed order, so that every machine
 * gets the same bits. Matrices are n×n, row-major. Only +, −, ×, ÷ and √ are used, which IEEE 754
 * rounds exactly.
 */

/**
 * The upper triangular U with A⁻¹ = Uᵀ·U, as second-order rounding wants it (Frantar et al.,
 * "GPTQ", ICLR 2023, §3.3, step 3). A = R·Rᵀ with R upper triangular gives U = R⁻¹, which needs
 * no inverse of A. Returns null where A is not positive definite.
 */
export function inverseFactor(a: Float64Array, n: number): Float64Array | null {
  const r = upperFactor(a, n);
  return r && invertUpper(r, n);
}

/**
 * R upper triangular with A = R·Rᵀ: Cholesky from the last row upwards; null if A is not positive
 * definite.
 */
function upperFactor(a: Float64Array, n: number): Float64Array | null {
  const r = new Float64Array(n * n);
  for (let j = n - 1; j >= 0; j -= 1) {
    const rowJ = r.subarray(j * n, (j + 1) * n);
    const pivot = at(a, j * n + j) - dotFrom(j + 1, rowJ, rowJ);
    if (!(pivot > 0)) return null;
    const diagonal = Math.sqrt(pivot);
    rowJ[j] = diagonal;
    for (let i = j - 1; i >= 0; i -= 1) {
      const rowI = r.subarray(i * n, (i + 1) * n);
      rowI[j] = (at(a, i * n + j) - dotFrom(j + 1, rowI, rowJ)) / diagonal;
    }
  }
  return r;
}

/** The inverse of an upper triangular matrix, row by row from the last. */
function invertUpper(r: Float64Array, n: number): Float64Array {
  const u = new Float64Array(n * n);
  for (let i = n - 1; i >= 0; i -= 1) {
    const diagonal = 1 / at(r, i * n + i);
    const row = u.subarray(i * n, (i + 1) * n);
    row[i] = diagonal;
    for (let k = i + 1; k < n; k += 1) {
      const factor = -at(r, i * n + k) * diagonal;
      if (factor === 0) continue;
      addScaled(row, u.subarray(k * n, (k + 1) * n), { factor, from: k });
    }
  }
  return u;
}

/** `target += factor·source`, from the index on. */
export function addScaled(
  target: Float64Array,
  source: Float64Array,
  { factor, from }: { factor: number; from: number },
): void {
  for (let i = from; i < target.length; i += 1) {
    target[i] = at(target, i) + factor * at(source, i);
  }
}

function dotFrom(from: number, a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = from; i < a.length; i += 1) sum += at(a, i) * at(b, i);
  return sum;
}

function at(values: Float64Array, index: number): number {
  return values[index] ?? 0;
}
