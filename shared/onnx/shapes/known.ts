/**
 * What is known of a value before anything runs, and the arithmetic of sizes of which some have
 * only a name.
 */
import type { Dimension, ElementType, Node } from '../graph.ts';

export type Dims = readonly Dimension[];

export interface Known {
  readonly type: ElementType | null;
  /** null where not even the rank is known. */
  readonly dims: Dims | null;
  /**
   * The elements of a small tensor in row-major order, as far as they are known; shapes are
   * computed from these.
   */
  readonly value?: Dims;
}

/** A node whose outputs are to be found out. */
export interface Site {
  readonly node: Node;
  /** The opset of the node's domain. */
  readonly opset: number;
  /** `unknown` where the input is left out. */
  input(index: number): Known;
}

/** One entry an output, in order; outputs beyond them are unknown. */
export type Rule = (site: Site) => readonly Known[];

export const unknown: Known = { type: null, dims: null };

/** Elements above this number are data, not shapes. */
export const maxValueElements = 1024;

/** The runtime's kernels know no more than 8; a file may claim any rank. */
export const maxRank = 64;

export function hasInput(site: Site, index: number): boolean {
  return (site.node.inputs[index] ?? '') !== '';
}

/** The elements, where all are known as numbers. */
export function numbers(known: Known): readonly number[] | null {
  const { value } = known;
  return value?.every((element) => typeof element === 'number') ? value : null;
}

/** An axis counted from the front; null where it lies outside. */
export function axisOf(axis: number, rank: number): number | null {
  const index = axis < 0 ? axis + rank : axis;
  return index >= 0 && index < rank ? index : null;
}

/** The sizes changed one by one; null stays null. */
export function mapDims(
  dims: Dims | null,
  of: (size: Dimension, axis: number) => Dimension,
): Dims | null {
  return dims ? dims.map(of) : null;
}

/** A list as long as `dims` with one entry replaced. */
export function withDim(dims: Dims, axis: number, dimension: Dimension): Dims {
  return dims.map((size, index) => (index === axis ? dimension : size));
}

export function add(a: Dimension, b: Dimension): Dimension {
  if (a === 0) return b;
  if (b === 0) return a;
  return typeof a === 'number' && typeof b === 'number' ? a + b : null;
}

export function multiply(a: Dimension, b: Dimension): Dimension {
  if (a === 1) return b;
  if (b === 1) return a;
  return typeof a === 'number' && typeof b === 'number' ? a * b : null;
}

export function product(dims: Dims): Dimension {
  return dims.reduce(multiply, 1);
}

/** A function of a size: null where the size has only a name. */
export function mapSize(size: Dimension, of: (size: number) => number): Dimension {
  if (typeof size !== 'number') return null;
  const result = of(size);
  return Number.isFinite(result) && result >= 0 ? result : null;
}

/** The quotient of two products, equal names cancelled. */
export function quotient(over: Dims, under: Dims): Dimension {
  const above = [...over];
  for (const factor of under) {
    if (factor === null) return null;
    const at = typeof factor === 'string' ? above.indexOf(factor) : -1;
    if (typeof factor === 'string' && at < 0) return null;
    if (at >= 0) above.splice(at, 1);
  }
  const divisor = sizesIn(under);
  const names = above.filter((size) => typeof size !== 'number');
  const ratio = divisor === 0 ? Number.NaN : sizesIn(above) / divisor;
  if (!Number.isInteger(ratio)) return null;
  if (names.length === 0) return ratio;
  return names.length === 1 && ratio === 1 ? (names[0] ?? null) : null;
}

function sizesIn(dims: Dims): number {
  return dims.reduce<number>((all, size) => (typeof size === 'number' ? all * size : all), 1);
}

/** Numpy's rules, as ONNX has them (docs/Broadcasting.md). */
export function broadcast(shapes: readonly (Dims | null)[]): Dims | null {
  if (shapes.length === 0 || !shapes.every((dims) => dims !== null)) return null;
  const rank = shapes.reduce((most, dims) => Math.max(most, dims.length), 0);
  return Array.from({ length: rank }, (_, index) =>
    shapes
      .map((dims) =>
        index < rank - dims.length ? 1 : (dims[index - (rank - dims.length)] ?? null),
      )
      .reduce<Dimension>(broadcastDim, 1),
  );
}

function broadcastDim(a: Dimension, b: Dimension): Dimension {
  if (a === b || b === 1) return a;
  if (a === 1) return b;
  // A known size above 1 wins over a name, which can only be 1 or the same.
  if (typeof a === 'number') return a;
  return typeof b === 'number' ? b : null;
}
