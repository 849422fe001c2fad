/**
 * How far what a model is asked and answers is from its golden set, by sketches of a few bins.
 * Pure. Of each sample one class, or a mean and a spread, is counted; nothing of it is kept.
 *
 * The measure is the population stability index, Σ (p − q) ln(p / q) over the bins, which is the
 * divergence of Jeffreys (1946). With N samples against M and no drift, PSI / (1/N + 1/M) follows a
 * chi-squared distribution with one degree less than bins: Yurdakul and Naranjo, "Statistical
 * properties of the population stability index", Journal of Risk Model Validation 14(4), 2020.
 */
import { fromFloat16, type RuntimeTensor, type Tensors } from '../../shared/evaluate/tensor.ts';
import { own } from '../../shared/own.ts';

/** What is expected, one sketch a figure; made once from the golden set. */
export interface Reference {
  readonly inputs: readonly Sketch[];
  readonly outputs: readonly Sketch[];
}

export interface Drifts {
  /** 0 to 1 beyond what chance explains; absent: too little was seen, or there is no reference. */
  readonly inputDrift?: number;
  readonly outputDrift?: number;
}

export interface Drift {
  /** Counts what a run is fed, before its memory is given away. */
  fed(feeds: Tensors): void;
  answered(outputs: Tensors): void;
  look(): Drifts;
}

interface Sketch {
  /** Of the tensor. */
  readonly name: string;
  readonly rank: number;
  readonly figure: Figure;
  readonly binOf: (value: number) => number;
  readonly expected: readonly number[];
}

type Figure = 'class' | 'mean' | 'spread';

/** A golden set has up to 16 samples: more bins would hold nothing but chance. */
const bins = 4;
const expectedMin = 8;
const seenMin = 100;
/** At so many all counts are halved: what is new weighs more, and memory is bounded. */
const seenMax = 1000;
/** Rows looked at of one run, and elements of one row. */
const rowsMax = 4;
const elementsMax = 64;
/** An output row of so many elements at most is taken for the scores of classes. */
const classesMax = 1024;

/** From the golden set's arrays: samples along the leading axis. Text has no sketch. */
export function referenceOf(golden: { inputs: Tensors; outputs: Tensors }): Reference {
  const sketches = (tensors: Tensors, isOutput: boolean) =>
    Object.entries(tensors).flatMap(([name, tensor]) =>
      figuresOf(tensor, isOutput).flatMap((figure) => sketchOf(name, tensor, figure) ?? []),
    );
  return { inputs: sketches(golden.inputs, false), outputs: sketches(golden.outputs, true) };
}

export function createDrift({ inputs, outputs }: Reference): Drift {
  const fed = counter(inputs);
  const answered = counter(outputs);
  return {
    fed: fed.add,
    answered: answered.add,
    look() {
      const [inputDrift, outputDrift] = [fed.drift(), answered.drift()];
      return {
        ...(inputDrift !== null && { inputDrift }),
        ...(outputDrift !== null && { outputDrift }),
      };
    },
  };
}

/**
 * Σ (p − q) ln(p / q) of two histograms over the same bins. Half a count is added to each bin, so
 * that an empty one has a logarithm (Krichevsky and Trofimov, 1981).
 */
export function stabilityIndex(expected: readonly number[], seen: readonly number[]): number {
  const whole = (counts: readonly number[]) => sum(counts) + counts.length / 2;
  const [m, n] = [whole(expected), whole(seen)];
  return sum(
    expected.map((count, bin) => {
      const q = (count + 0.5) / m;
      const p = ((seen[bin] ?? 0) + 0.5) / n;
      return (p - q) * Math.log(p / q);
    }),
  );
}

/**
 * What the index is without drift in 199 of 200 cases; the quantile of the chi-squared distribution
 * after Wilson and Hilferty, PNAS 17(12), 1931.
 */
export function chanceIndex(binCount: number, expected: number, seen: number): number {
  const degrees = binCount - 1;
  const part = 2 / (9 * degrees);
  const quantile = degrees * (1 - part + 2.5758 * Math.sqrt(part)) ** 3;
  return quantile * (1 / expected + 1 / seen);
}

function counter(sketches: readonly Sketch[]) {
  const counts = sketches.map(({ expected }) => expected.map(() => 0));
  const seen = sketches.map(() => 0);
  return {
    add(tensors: Tensors): void {
      for (const [at, sketch] of sketches.entries()) {
        const tensor = own(tensors, sketch.name);
        const bins = counts[at];
        if (!tensor || !bins) continue;
        const rows = rowsOf(tensor, sketch.rank);
        for (let row = 0; row < Math.min(rows, rowsMax); row++) {
          const bin = sketch.binOf(figureOf(tensor, { figure: sketch.figure, row, rows }));
          bins[bin] = (bins[bin] ?? 0) + 1;
          seen[at] = (seen[at] ?? 0) + 1;
        }
        if ((seen[at] ?? 0) < seenMax) continue;
        for (const [bin, count] of bins.entries()) bins[bin] = count / 2;
        seen[at] = (seen[at] ?? 0) / 2;
      }
    },
    /** The figure that moved most. */
    drift(): number | null {
      const found = sketches.flatMap(({ expected }, at) => {
        const [total, bins] = [seen[at] ?? 0, counts[at] ?? []];
        if (total < seenMin) return [];
        const chance = chanceIndex(expected.length, sum(expected), total);
        return Math.min(1, Math.max(0, stabilityIndex(expected, bins) - chance));
      });
      return found.length > 0 ? Number(Math.max(...found).toFixed(3)) : null;
    },
  };
}

function figuresOf(tensor: RuntimeTensor, isOutput: boolean): readonly Figure[] {
  if (Array.isArray(tensor.data)) return [];
  const [rows = 1, ...rest] = tensor.dims;
  const size = tensor.data.length / Math.max(1, rows);
  if (isOutput && rest.length === 1 && size >= 2 && size <= classesMax) return ['class'];
  return size > 1 ? ['mean', 'spread'] : ['mean'];
}

function sketchOf(name: string, tensor: RuntimeTensor, figure: Figure): Sketch | null {
  const rank = tensor.dims.length;
  const rows = rowsOf(tensor, rank);
  if (rows < expectedMin) return null;
  const values = Array.from({ length: rows }, (_, row) => figureOf(tensor, { figure, row, rows }));
  const { binOf, count } =
    figure === 'class' ? classBins(tensor.data.length / rows) : valueBins(values);
  const expected = new Array<number>(count).fill(0);
  for (const value of values) expected[binOf(value)] = (expected[binOf(value)] ?? 0) + 1;
  return { name, rank, figure, binOf, expected };
}

/**
 * Classes dealt out in turn, whatever the golden set has of them: bins chosen to suit it would make
 * every class that its few samples lack look like drift.
 */
function classBins(classes: number) {
  const count = Math.min(bins, classes);
  return { count, binOf: (one: number) => one % count };
}

/** Between the quartiles; values that are all the same have one bin up to them and one above. */
function valueBins(values: readonly number[]) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.ceil((part * sorted.length) / bins) - 1] ?? 0;
  const edges = [...new Set(Array.from({ length: bins - 1 }, (_, part) => at(part + 1)))];
  return {
    count: edges.length + 1,
    binOf(value: number) {
      const bin = edges.findIndex((edge) => value <= edge);
      return bin < 0 ? edges.length : bin;
    },
  };
}

/** A run of a model without an axis of samples is one. */
function rowsOf({ dims }: RuntimeTensor, rank: number): number {
  return dims.length < rank ? 1 : (dims[0] ?? 1);
}

interface Row {
  readonly figure: Figure;
  readonly row: number;
  /** Of the tensor. */
  readonly rows: number;
}

function figureOf({ data, type }: RuntimeTensor, { figure, row, rows }: Row): number {
  const size = Math.floor(data.length / rows);
  const from = row * size;
  const read = (index: number) => {
    const value = Number(data[from + index] ?? 0);
    return type === 'float16' ? fromFloat16(value) : value;
  };
  if (figure === 'class') return largest(read, size);
  // An odd step, so that a picture is not looked at in one column.
  const step = size <= elementsMax ? 1 : Math.ceil(size / elementsMax) | 1;
  let [count, mean, squares] = [0, 0, 0];
  for (let index = 0; index < size; index += step) {
    const value = read(index);
    count += 1;
    const off = value - mean;
    mean += off / count;
    squares += off * (value - mean);
  }
  return figure === 'mean' ? mean : Math.sqrt(squares / Math.max(1, count));
}

function largest(read: (index: number) => number, size: number): number {
  let [best, most] = [0, Number.NEGATIVE_INFINITY];
  for (let index = 0; index < size; index++) {
    const value = read(index);
    if (value > most) [best, most] = [index, value];
  }
  return best;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
