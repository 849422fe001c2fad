import test from 'ava';
import { type Reader, removalOrder } from '../../../../shared/compress/prune/surgeon.ts';
import { inverseFactor } from '../../../../shared/linear/triangular.ts';
import { createRandom } from '../../../../shared/random.ts';

const columns = 6;
const outputs = 3;

function readerOf(covariance: Float64Array, weights: Float64Array): Reader {
  const u = inverseFactor(covariance, columns) ?? new Float64Array();
  const inverse = new Float64Array(columns * columns);
  for (let i = 0; i < columns; i += 1) {
    for (let j = 0; j < columns; j += 1) {
      for (let k = 0; k < columns; k += 1) {
        inverse[i * columns + j] =
          at(inverse, i * columns + j) + at(u, k * columns + i) * at(u, k * columns + j);
      }
    }
  }
  const columnsOf = new Map([0, 1, 2].map((unit) => [unit, [2 * unit, 2 * unit + 1]]));
  return { weights, columns, inverse, energy: 1, columnsOf };
}

function at(values: Float64Array, index: number): number {
  return values[index] ?? Number.NaN;
}

/** The least squared error with some columns at zero: Schur complement of what stays. */
function leastError(h: Float64Array, w: Float64Array, gone: readonly number[]): number {
  const stays = [...Array(columns).keys()].filter((column) => !gone.includes(column));
  let error = 0;
  for (let row = 0; row < outputs; row += 1) {
    const lost = gone.map((column) => at(w, row * columns + column));
    const rhs = stays.map((s) =>
      gone.reduce((sum, g, i) => sum + at(h, s * columns + g) * (lost[i] ?? 0), 0),
    );
    const moved = solve(
      stays.map((s) => stays.map((other) => at(h, s * columns + other))),
      rhs,
    );
    gone.forEach((g, i) => {
      gone.forEach((other, j) => {
        error += (lost[i] ?? 0) * at(h, g * columns + other) * (lost[j] ?? 0);
      });
    });
    rhs.forEach((value, i) => {
      error -= value * (moved[i] ?? 0);
    });
  }
  return error;
}

function solve(matrix: number[][], rhs: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, rhs[i] ?? 0]);
  rows.forEach((row, p) => {
    const pivot = row[p] ?? 1;
    rows[p] = row.map((value) => value / pivot);
    rows.forEach((other, i) => {
      if (i === p) return;
      const factor = other[p] ?? 0;
      rows[i] = other.map((value, j) => value - factor * (rows[p]?.[j] ?? 0));
    });
  });
  return rows.map((row) => row.at(-1) ?? 0);
}

test('what removals cost is the error that the best other weights leave', (t) => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const random = createRandom(seed);
    const a = Float64Array.from({ length: columns * columns }, () => random() - 0.5);
    const h = Float64Array.from({ length: columns * columns }, (_, i) => {
      const [row, column] = [Math.floor(i / columns), i % columns];
      let sum = row === column ? 0.1 : 0;
      for (let k = 0; k < columns; k += 1)
        sum += at(a, row * columns + k) * at(a, column * columns + k);
      return sum;
    });
    const w = Float64Array.from({ length: outputs * columns }, () => random() - 0.5);
    const { units, costs } = removalOrder([0, 1, 2], [readerOf(h, w)], 2);
    const single = [0, 1, 2].map((unit) => leastError(h, w, [2 * unit, 2 * unit + 1]));
    t.is(units[0], single.indexOf(Math.min(...single)), 'the cheapest unit goes first');
    const gone = units.flatMap((unit) => [2 * unit, 2 * unit + 1]);
    const error = leastError(h, w, gone);
    const sum = (costs[0] ?? 0) + (costs[1] ?? 0);
    t.true(Math.abs(sum - error) < 1e-9 * (1 + error), `seed ${seed}: ${sum} for ${error}`);
  }
});
