// Holds the solution for a given pattern against a plain least-squares one, and the pattern itself.
import test from 'ava';
import * as v from 'valibot';
import { Sparsity } from '../../../../shared/compress/recipe.ts';
import { sparsify } from '../../../../shared/compress/sparse/fit.ts';
import { patternOf } from '../../../../shared/compress/sparse/pattern.ts';
import { openProducts } from '../../../../shared/linear/product.ts';
import { createRandom } from '../../../../shared/random.ts';

const columns = 48;
const rows = 5;
const samples = 4000;

/** Inputs that vary together, as activations do, with their second moments about the means. */
function scene() {
  const random = createRandom(7);
  const mixing = Float64Array.from({ length: columns * columns }, () => random() - 0.5);
  const inputs = new Float64Array(columns * columns);
  for (let s = 0; s < samples; s += 1) {
    const causes = Float64Array.from({ length: 12 }, () => random() - 0.5);
    const x = Float64Array.from({ length: columns }, (_, i) => {
      const own = causes.reduce((sum, cause, k) => sum + cause * (mixing[i * columns + k] ?? 0), 0);
      return own + 0.3 * (random() - 0.5);
    });
    for (let i = 0; i < columns; i += 1) {
      for (let j = 0; j < columns; j += 1) {
        inputs[i * columns + j] = (inputs[i * columns + j] ?? 0) + (x[i] ?? 0) * (x[j] ?? 0);
      }
    }
  }
  const zero = new Float64Array(columns);
  const drift = new Float64Array(columns * columns);
  const weights = Float64Array.from({ length: rows * columns }, () => random() - 0.5);
  return { weights, moments: [{ inputs, drift, mean: zero, exactMean: zero, rows: samples }] };
}

/** Σ (w − ŵ)·H·(w − ŵ)ᵀ over rows. */
function errorOf(h: Float64Array, a: Float64Array, b: Float64Array): number {
  let error = 0;
  for (let row = 0; row < rows; row += 1) {
    const d = Array.from(
      { length: columns },
      (_, i) => (a[row * columns + i] ?? 0) - (b[row * columns + i] ?? 0),
    );
    for (const [i, di] of d.entries()) {
      for (const [j, dj] of d.entries()) error += di * (h[i * columns + j] ?? 0) * dj;
    }
  }
  return error;
}

async function sparse(sparsity: Sparsity) {
  const pattern = patternOf(sparsity);
  if (!pattern) throw new Error(`${sparsity} is no pattern`);
  const { weights, moments } = scene();
  const [seen] = moments;
  const products = await openProducts(1);
  const fitted = await sparsify(weights, { rows, columns }, { moments, pattern, products });
  await products.release();
  return { weights, h: seen?.inputs ?? new Float64Array(), fitted: fitted.weights };
}

/** The same count of zeros at the least weights, nothing made up for. */
function byMagnitude(weights: Float64Array, zeros: number): Float64Array {
  const order = [...weights.keys()].sort(
    (a, b) => Math.abs(weights[a] ?? 0) - Math.abs(weights[b] ?? 0),
  );
  const gone = new Set(order.slice(0, zeros));
  return weights.map((value, at) => (gone.has(at) ? 0 : value));
}

test('a share of the weights is zero and the others make up for it', async (t) => {
  const { weights, h, fitted } = await sparse(0.5);
  const zeros = fitted.filter((value) => value === 0).length;
  t.is(zeros, weights.length / 2);
  const [own, plain] = [fitted, byMagnitude(weights, zeros)].map((w) => errorOf(h, weights, w));
  t.true((own ?? 1) < 0.3 * (plain ?? 0), `${own} against ${plain} of plain magnitude`);
});

test('no kept weight can be moved to a smaller error', async (t) => {
  const { weights, h, fitted } = await sparse(0.5);
  const least = errorOf(h, weights, fitted);
  for (const [at, value] of fitted.entries()) {
    if (value === 0) continue;
    for (const step of [-0.02, 0.02]) {
      const moved = fitted.with(at, value + step);
      // The ridge pulls a little: what a step may gain is far below what it may cost.
      t.true(errorOf(h, weights, moved) > least * 0.98, `weight ${at} by ${step}`);
    }
  }
});

for (const [sparsity, kept, of] of [
  ['2:4', 2, 4],
  ['4:8', 4, 8],
  ['1:16', 1, 16],
] as const) {
  test(`${sparsity} keeps ${kept} of each ${of} weights of a row`, async (t) => {
    const { fitted } = await sparse(sparsity);
    for (let from = 0; from < fitted.length; from += of) {
      t.is(fitted.slice(from, from + of).filter((value) => value !== 0).length, kept);
    }
  });
}

test('what is no pattern is none', (t) => {
  for (const wrong of ['4:2', '2:2', '0:4', '2:65', '2', 'a:b', '2:4:8', -0.1, 0.96, Number.NaN]) {
    t.false(v.is(Sparsity, wrong), String(wrong));
  }
});
