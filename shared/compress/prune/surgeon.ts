/**
 * Which units a group loses first, and what each costs: the exact growth of the squared error of
 * the layers that read it when their other weights make up for it (Hassibi, Stork, "Second order
 * derivatives for network pruning: Optimal Brain Surgeon", NIPS 1992, for blocks of columns as in
 * Frantar, Alistarh, "Optimal Brain Compression", NeurIPS 2022, §4). Pure.
 */

export interface Reader {
  /** outputs × columns. */
  readonly weights: Float64Array;
  readonly columns: number;
  /** (E[xxᵀ] + damping)⁻¹ of the inputs about their means, columns × columns. */
  readonly inverse: Float64Array;
  /** What costs are measured in: the variance of what the layer helps to make. */
  readonly energy: number;
  /** By unit: its columns. */
  readonly columnsOf: ReadonlyMap<number, readonly number[]>;
}

export interface Order {
  /** The one that costs least first. */
  readonly units: readonly number[];
  /** What the n-th removal adds to the error, relative, over all readers. */
  readonly costs: readonly number[];
}

/** Takes `count` units out one after another. */
export function removalOrder(
  units: readonly number[],
  readers: readonly Reader[],
  count: number,
): Order {
  const states = readers.map((reader) => ({
    ...reader,
    weights: Float64Array.from(reader.weights),
    inverse: Float64Array.from(reader.inverse),
  }));
  const left = new Set(units);
  const order: number[] = [];
  const costs: number[] = [];
  while (order.length < count && left.size > 0) {
    let least = Infinity;
    let next = -1;
    for (const unit of left) {
      let cost = 0;
      for (const state of states) cost += costOf(state, unit);
      if (cost < least || next < 0) [least, next] = [cost, unit];
    }
    for (const state of states) eliminate(state, next);
    left.delete(next);
    order.push(next);
    costs.push(Math.max(0, least));
  }
  return { units: order, costs };
}

/** Σ over outputs of w_S·(A_SS)⁻¹·w_Sᵀ. */
function costOf({ weights, columns, inverse, energy, columnsOf }: Reader, unit: number): number {
  const own = columnsOf.get(unit);
  if (!own) return 0;
  const block = inverted(cut(inverse, columns, own), own.length);
  if (!block) return 0;
  let sum = 0;
  for (let from = 0; from < weights.length; from += columns) {
    for (let i = 0; i < own.length; i += 1) {
      const w = weights[from + (own[i] ?? 0)] ?? 0;
      for (let j = 0; j < own.length; j += 1) {
        sum += w * (block[i * own.length + j] ?? 0) * (weights[from + (own[j] ?? 0)] ?? 0);
      }
    }
  }
  return sum / energy;
}

/** W −= W_S·(A_SS)⁻¹·A_S and A −= A_S ᵀ·(A_SS)⁻¹·A_S: the unit's columns become zero. */
function eliminate({ weights, columns, inverse, columnsOf }: Reader, unit: number): void {
  const own = columnsOf.get(unit);
  const block = own && inverted(cut(inverse, columns, own), own.length);
  if (!own || !block) return;
  const k = own.length;
  const rows = own.map((column) => inverse.slice(column * columns, (column + 1) * columns));
  const scaled = own.map((_, i) => {
    const row = new Float64Array(columns);
    rows.forEach((source, j) => {
      addScaled(row, 0, { source, factor: block[i * k + j] ?? 0 });
    });
    return row;
  });
  for (let from = 0; from < weights.length; from += columns) {
    const lost = own.map((column) => weights[from + column] ?? 0);
    scaled.forEach((source, i) => {
      addScaled(weights, from, { source, factor: -(lost[i] ?? 0) });
    });
    for (const column of own) weights[from + column] = 0;
  }
  for (let row = 0; row < columns; row += 1) {
    scaled.forEach((source, i) => {
      addScaled(inverse, row * columns, { source, factor: -(rows[i]?.[row] ?? 0) });
    });
  }
}

function addScaled(
  target: Float64Array,
  from: number,
  { source, factor }: { source: Float64Array; factor: number },
): void {
  if (factor === 0) return;
  for (let i = 0; i < source.length; i += 1) {
    target[from + i] = (target[from + i] ?? 0) + factor * (source[i] ?? 0);
  }
}

function cut(matrix: Float64Array, columns: number, own: readonly number[]): Float64Array {
  const k = own.length;
  const block = new Float64Array(k * k);
  for (let i = 0; i < k; i += 1) {
    for (let j = 0; j < k; j += 1) {
      block[i * k + j] = matrix[(own[i] ?? 0) * columns + (own[j] ?? 0)] ?? 0;
    }
  }
  return block;
}

/** Gauss–Jordan; null where the block is singular. */
function inverted(block: Float64Array, k: number): Float64Array | null {
  const result = new Float64Array(k * k);
  for (let i = 0; i < k; i += 1) result[i * k + i] = 1;
  for (let p = 0; p < k; p += 1) {
    const pivot = block[p * k + p] ?? 0;
    if (!(pivot > 0)) return null;
    for (let j = 0; j < k; j += 1) {
      block[p * k + j] = (block[p * k + j] ?? 0) / pivot;
      result[p * k + j] = (result[p * k + j] ?? 0) / pivot;
    }
    for (let i = 0; i < k; i += 1) {
      const factor = i === p ? 0 : (block[i * k + p] ?? 0);
      if (factor === 0) continue;
      for (let j = 0; j < k; j += 1) {
        block[i * k + j] = (block[i * k + j] ?? 0) - factor * (block[p * k + j] ?? 0);
        result[i * k + j] = (result[i * k + j] ?? 0) - factor * (result[p * k + j] ?? 0);
      }
    }
  }
  return result;
}
