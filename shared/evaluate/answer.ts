/**
 * Which of a model's outputs is its answer, and which classes that names: one a sample, one a
 * position, or the boxes that were selected. Pure.
 */
import type { TensorInfo } from '../protocol/fields.ts';
import { argmax } from './metrics.ts';

export type Answer =
  /** One value for each class. */
  | { readonly kind: 'classes'; readonly output: number }
  /** One number: a probability of two classes, or no class at all. */
  | { readonly kind: 'number'; readonly output: number }
  /** The class itself, of the sample or of each position. */
  | { readonly kind: 'labels'; readonly output: number; readonly many: boolean }
  /** One value for each class at each position; `last`: classes are the last axis. */
  | {
      readonly kind: 'positions';
      readonly output: number;
      readonly classes: number;
      readonly last: boolean;
    }
  /** Rows of places, as many as were selected; `boxes` is the output that holds their corners. */
  | {
      readonly kind: 'selection';
      readonly output: number;
      readonly columns: number;
      readonly boxes: number | null;
    };

/** How samples lie in outputs: `batch` of them, or as many as are fed where that varies. */
export interface Layout {
  readonly batch: number;
  readonly batchVaries: boolean;
}

/** `outputs` are those that have numbers, in the order of the model. */
export function answerOf(outputs: readonly TensorInfo[], layout: Layout): Answer {
  const kinds = outputs.map((info, at) => kindOf(info, at, layout));
  const [first] = kinds;
  // A label tells less than the values it is chosen from, which some exporters put behind it.
  const values = kinds.find(({ kind }) => kind === 'classes');
  if (first?.kind === 'labels' && !first.many && values) return values;
  if (first?.kind === 'selection') return { ...first, boxes: boxesAmong(outputs) };
  return first ?? { kind: 'classes', output: 0 };
}

function kindOf({ type, shape }: TensorInfo, output: number, layout: Layout): Answer {
  const integer = !/float|double/.test(type);
  const [leading = 1] = shape;
  if (integer && shape.length === 2 && leading < 0 && !layout.batchVaries) {
    return { kind: 'selection', output, columns: shape[1] ?? 1, boxes: null };
  }
  const batched = leading < 0 || leading === layout.batch;
  const dims = (batched ? shape.slice(1) : shape).filter((size) => size !== 1);
  if (integer) return { kind: 'labels', output, many: dims.length > 0 };
  if (dims.length === 0) return { kind: 'number', output };
  const [channels = 0] = dims;
  const trailing = dims.at(-1) ?? 0;
  if (dims.length === 1) return { kind: 'classes', output };
  // Maps have channels first, unless the last axis is the shorter one; sequences have them last.
  const last = dims.length === 2 || (trailing > 0 && trailing < channels);
  const classes = last ? trailing : channels;
  return classes > 0 ? { kind: 'positions', output, classes, last } : { kind: 'classes', output };
}

/** Four corners a row, as many rows as were selected. */
function boxesAmong(outputs: readonly TensorInfo[]): number | null {
  const at = outputs.findIndex(
    ({ type, shape }) => /float/.test(type) && shape.length === 2 && shape[1] === 4,
  );
  return at < 0 ? null : at;
}

/** Whether a sample has more than one class, so that agreement is a share of the sample. */
export function isMany(answer: Answer): boolean {
  return (
    answer.kind === 'positions' ||
    answer.kind === 'selection' ||
    (answer.kind === 'labels' && answer.many)
  );
}

export type Outputs = readonly ArrayLike<number>[];

/** Where a number stands for the second of two classes: probabilities lie from 0 to 1. */
export function thresholdOf(numbers: readonly number[]): number {
  return numbers.every((value) => value >= 0 && value <= 1) ? 0.5 : 0;
}

/** The class of each position; one where a sample has one. */
export function classesOf(answer: Answer, outputs: Outputs, threshold: number): number[] {
  const values = outputs[answer.output] ?? [];
  switch (answer.kind) {
    case 'classes':
      return [argmax(values)];
    case 'number':
      return [(values[0] ?? 0) > threshold ? 1 : 0];
    case 'labels':
    case 'selection':
      return Array.from(values);
    case 'positions':
      return positionClasses(values, answer);
  }
}

function positionClasses(
  values: ArrayLike<number>,
  { classes, last }: { readonly classes: number; readonly last: boolean },
): number[] {
  const positions = Math.floor(values.length / classes);
  const own = new Float64Array(classes);
  return Array.from({ length: positions }, (_, position) => {
    for (let c = 0; c < classes; c += 1) {
      own[c] = values[last ? position * classes + c : c * positions + position] ?? Number.NaN;
    }
    return argmax(own);
  });
}

/** The share of positions with the same class; of selections, of boxes that are in both. */
export function sameShare(
  answer: Answer,
  { own, other, threshold }: { own: Outputs; other: Outputs; threshold: number },
): number {
  if (answer.kind === 'selection') return sameSelection(answer, own, other);
  const [a, b] = [classesOf(answer, own, threshold), classesOf(answer, other, threshold)];
  const count = Math.max(a.length, b.length);
  if (count === 0) return 1;
  return a.filter((value, at) => value === b[at]).length / count;
}

/** As detection benchmarks match boxes (PASCAL VOC). */
const overlapMin = 0.5;

/** F1 of the two sets: the same row, or the same class with boxes that overlap by half. */
function sameSelection(
  { output, columns, boxes }: Answer & { readonly kind: 'selection' },
  own: Outputs,
  other: Outputs,
): number {
  const rowsOf = (outputs: Outputs) => {
    const values = outputs[output] ?? [];
    return Array.from({ length: Math.floor(values.length / columns) }, (_, row) => ({
      row: Array.from({ length: columns }, (__, c) => values[row * columns + c] ?? 0),
      box: boxes === null ? [] : cornersAt(outputs[boxes] ?? [], row),
    }));
  };
  const [a, left] = [rowsOf(own), rowsOf(other)];
  const total = a.length + left.length;
  if (total === 0) return 1;
  let matched = 0;
  for (const one of a) {
    const same = (two: typeof one) =>
      boxes === null || one.box.length < 4
        ? `${one.row}` === `${two.row}`
        : `${one.row.slice(0, -1)}` === `${two.row.slice(0, -1)}` &&
          overlap(one.box, two.box) >= overlapMin;
    const at = left.findIndex(same);
    if (at < 0) continue;
    matched += 1;
    left.splice(at, 1);
  }
  return (2 * matched) / total;
}

function cornersAt(values: ArrayLike<number>, row: number): number[] {
  return Array.from({ length: 4 }, (_, c) => values[4 * row + c] ?? Number.NaN);
}

/** Intersection over union; corners may be given in either order. */
function overlap(a: readonly number[], b: readonly number[]): number {
  const side = (box: readonly number[], at: number) => {
    const [from = 0, to = 0] = [box[at], box[at + 2]];
    return [Math.min(from, to), Math.max(from, to)] as const;
  };
  let [shared, areaA, areaB] = [1, 1, 1];
  for (const at of [0, 1]) {
    const [[lowA, highA], [lowB, highB]] = [side(a, at), side(b, at)];
    shared *= Math.max(0, Math.min(highA, highB) - Math.max(lowA, lowB));
    areaA *= highA - lowA;
    areaB *= highB - lowB;
  }
  const union = areaA + areaB - shared;
  return union > 0 ? shared / union : 1;
}
