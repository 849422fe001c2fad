/**
 * Second moments of a layer's inputs, summed while samples pass by: memory does not grow with
 * their number. Two inputs are seen side by side: what the layer gets in the float model (x) and
 * what it gets behind layers that are rounded already (x̂).
 */
import type { RuntimeTensor } from '../../evaluate/tensor.ts';
import type { Products } from '../../linear/product.ts';
import type { Patches } from './patches.ts';

export interface GroupMoments {
  /** Σ x̂x̂ᵀ about the means, columns × columns. */
  readonly inputs: Float64Array;
  /** Σ (x − x̂)x̂ᵀ about the means, columns × columns. */
  readonly drift: Float64Array;
  readonly exactMean: Float64Array;
  readonly mean: Float64Array;
  readonly rows: number;
}

export interface MomentSums {
  /** Takes rows of one run: some of them, the same of both. */
  add(exact: RuntimeTensor, rounded: RuntimeTensor): Promise<void>;
  /** By group. */
  finish(): Promise<GroupMoments[]>;
}

/** Rows that are multiplied at a time. */
const bufferRows = 1024;

/** `perRun` is how many rows are taken of each run at most, spread over all. */
export function momentSums(patches: Patches, perRun: number, products: Products): MomentSums {
  const { groups, columns } = patches;
  const states = Array.from({ length: groups }, () => emptyState(columns, groups));
  let runs = 0;
  return {
    async add(exact, rounded) {
      const count = patches.count(exact);
      const taken = Math.min(count, perRun);
      runs += 1;
      for (let i = 0; i < taken; i += 1) {
        const at = Math.floor(((i + shiftOf(runs)) * count) / taken);
        for (const [group, state] of states.entries()) {
          const place = { group, at, offset: state.filled * columns };
          patches.copy(exact, place, state.exact);
          patches.copy(rounded, place, state.rounded);
          state.filled += 1;
          if (state.filled * columns === state.exact.length) await flush(state, columns, products);
        }
      }
    },
    async finish() {
      for (const state of states) await flush(state, columns, products);
      return states.map((state) => centred(state, columns));
    },
  };
}

/** Between 0 and 1, another for each run, evenly spread: the multiples of the golden ratio. */
function shiftOf(run: number): number {
  return (run * 0.618_033_988_749_895) % 1;
}

interface State {
  readonly exact: Float32Array;
  readonly rounded: Float32Array;
  filled: number;
  rows: number;
  readonly inputs: Float64Array;
  readonly drift: Float64Array;
  readonly exactSum: Float64Array;
  readonly roundedSum: Float64Array;
}

function emptyState(columns: number, groups: number): State {
  const rows = Math.max(16, Math.floor(bufferRows / groups));
  return {
    exact: new Float32Array(rows * columns),
    rounded: new Float32Array(rows * columns),
    filled: 0,
    rows: 0,
    inputs: new Float64Array(columns * columns),
    drift: new Float64Array(columns * columns),
    exactSum: new Float64Array(columns),
    roundedSum: new Float64Array(columns),
  };
}

async function flush(state: State, columns: number, products: Products): Promise<void> {
  const { filled } = state;
  if (filled === 0) return;
  const exact = state.exact.subarray(0, filled * columns);
  const rounded = state.rounded.subarray(0, filled * columns);
  for (let i = 0; i < exact.length; i += 1) {
    const column = i % columns;
    const [x, seen] = [exact[i] ?? 0, rounded[i] ?? 0];
    state.exactSum[column] = (state.exactSum[column] ?? 0) + x;
    state.roundedSum[column] = (state.roundedSum[column] ?? 0) + seen;
    exact[i] = x - seen;
  }
  if (columns <= smallColumns) {
    addProduct(state.inputs, [rounded, rounded], columns);
    addProduct(state.drift, [exact, rounded], columns);
  } else {
    addTo(state.inputs, await products.transposed(rounded, rounded, filled));
    addTo(state.drift, await products.transposed(exact, rounded, filled));
  }
  state.rows += filled;
  state.filled = 0;
}

/** Up to here a loop is faster than a call of the runtime. */
const smallColumns = 32;

/** sums += AᵀB. */
function addProduct(
  sums: Float64Array,
  [a, b]: readonly [Float32Array, Float32Array],
  columns: number,
): void {
  for (let row = 0; row < a.length; row += columns) {
    for (let i = 0; i < columns; i += 1) {
      const factor = a[row + i] ?? 0;
      if (factor === 0) continue;
      const at = i * columns;
      for (let j = 0; j < columns; j += 1) {
        sums[at + j] = (sums[at + j] ?? 0) + factor * (b[row + j] ?? 0);
      }
    }
  }
}

function addTo(sums: Float64Array, values: Float32Array): void {
  for (let i = 0; i < sums.length; i += 1) sums[i] = (sums[i] ?? 0) + (values[i] ?? 0);
}

function centred(state: State, columns: number): GroupMoments {
  const { rows, inputs, drift } = state;
  const exactMean = state.exactSum.map((sum) => sum / Math.max(rows, 1));
  const mean = state.roundedSum.map((sum) => sum / Math.max(rows, 1));
  for (let i = 0; i < columns; i += 1) {
    const own = mean[i] ?? 0;
    const moved = (exactMean[i] ?? 0) - own;
    for (let j = 0; j < columns; j += 1) {
      const other = rows * (mean[j] ?? 0);
      inputs[i * columns + j] = (inputs[i * columns + j] ?? 0) - own * other;
      drift[i * columns + j] = (drift[i * columns + j] ?? 0) - moved * other;
    }
  }
  return { inputs, drift, exactMean, mean, rows };
}
