/** Operators that move elements without choosing among them. */
import { intOf, intsOf } from '../attributes.ts';
import type { Dimension } from '../graph.ts';
import {
  add,
  axisOf,
  broadcast,
  type Dims,
  hasInput,
  type Known,
  mapDims,
  mapSize,
  maxRank,
  maxValueElements,
  multiply,
  numbers,
  product,
  quotient,
  type Rule,
  type Site,
} from './known.ts';
import { smallDims, transposed } from './values.ts';

/** A rank-preserving or rank-changing view of the same elements keeps what is known of them. */
function view(from: Known, dims: Dims | null): readonly Known[] {
  const { type, value } = from;
  return value && smallDims(dims) ? [{ type, dims, value }] : [{ type, dims }];
}

export const reshape: Rule = (site) => {
  const x = site.input(0);
  const target = intsOf(site.node, 'shape') ?? site.input(1).value;
  if (!target) {
    const rank = site.input(1).dims?.[0];
    const known = typeof rank === 'number' && rank <= maxRank;
    const dims = known ? Array<Dimension>(rank).fill(null) : null;
    return [{ type: x.type, dims }];
  }
  const copiesZero = intOf(site.node, 'allowzero', 0) === 0;
  const copied = target.map((size, axis) =>
    size === 0 && copiesZero ? (x.dims?.[axis] ?? null) : size,
  );
  const rest = copied.filter((size) => size !== -1);
  const inferred = x.dims ? quotient(x.dims, rest) : null;
  const dims = copied.map((size) => (size === -1 ? inferred : size));
  return view(x, dims);
};

export const flatten: Rule = ({ node, input }) => {
  const { type, dims } = input(0);
  if (!dims) return [{ type, dims: [null, null] }];
  const given = intOf(node, 'axis', 1);
  const axis = given < 0 ? given + dims.length : given;
  return [{ type, dims: [product(dims.slice(0, axis)), product(dims.slice(axis))] }];
};

export const transpose: Rule = ({ node, input }) => {
  const { type, dims } = input(0);
  if (!dims) return [{ type, dims: null }];
  const order = intsOf(node, 'perm') ?? dims.map((_, axis) => dims.length - 1 - axis);
  const out = order.map((axis) => dims[axis] ?? null);
  const value = transposed(input(0), order);
  return [value ? { type, dims: out, value } : { type, dims: out }];
};

/** The axes of Squeeze, Unsqueeze and Reduce: an attribute in older opsets, an input in newer. */
export function axesOf(site: Site, rank: number): number[] | 'absent' | null {
  const given =
    intsOf(site.node, 'axes') ?? (hasInput(site, 1) ? numbers(site.input(1)) : ('absent' as const));
  if (given === null || given === 'absent') return given;
  const axes = given.map((axis) => axisOf(axis, rank));
  return axes.every((axis) => axis !== null) ? axes : null;
}

export const squeeze: Rule = (site) => {
  const x = site.input(0);
  if (!x.dims) return [{ type: x.type, dims: null }];
  const axes = axesOf(site, x.dims.length);
  if (axes === null) return [{ type: x.type, dims: null }];
  const goes = (size: Dimension, axis: number) =>
    axes === 'absent' ? size === 1 : axes.includes(axis);
  return view(
    x,
    x.dims.filter((size, axis) => !goes(size, axis)),
  );
};

export const unsqueeze: Rule = (site) => {
  const x = site.input(0);
  const count = intsOf(site.node, 'axes')?.length ?? site.input(1).value?.length;
  if (!x.dims || count === undefined) return [{ type: x.type, dims: null }];
  const rank = x.dims.length + count;
  const axes = axesOf(site, rank);
  if (axes === null || axes === 'absent') return [{ type: x.type, dims: null }];
  const rest = [...x.dims];
  const dims = Array.from({ length: rank }, (_, axis) =>
    axes.includes(axis) ? 1 : (rest.shift() ?? null),
  );
  return view(x, dims);
};

/**
 * Concat, and QLinearConcat of com.microsoft, whose tensors come in threes behind a scale and zero
 * point.
 */
export function concat(start: number, step: number): Rule {
  return (site) => {
    const parts = site.node.inputs
      .map((_, index) => index)
      .filter((index) => index >= start && (index - start) % step === 0)
      .map((index) => site.input(index));
    const type = parts.find((part) => part.type)?.type ?? null;
    const known = parts.find((part) => part.dims)?.dims;
    const axis = known ? axisOf(intOf(site.node, 'axis', 1), known.length) : null;
    if (!known || axis === null) return [{ type, dims: null }];
    const dims = known.map((_, index) =>
      index === axis ? total(parts, axis) : agreed(parts, index),
    );
    const value = joined(parts);
    return [value && dims.length === 1 ? { type, dims, value } : { type, dims }];
  };
}

function total(parts: readonly Known[], axis: number): Dimension {
  return parts.map(({ dims }) => dims?.[axis] ?? null).reduce(add, 0);
}

/** All must agree, so a number found in any of them holds. */
function agreed(parts: readonly Known[], axis: number): Dimension {
  const sizes = parts.map(({ dims }) => dims?.[axis] ?? null);
  return (
    sizes.find((size) => typeof size === 'number') ?? sizes.find((size) => size !== null) ?? null
  );
}

function joined(parts: readonly Known[]): Dims | null {
  const value: Dimension[] = [];
  for (const { value: part, dims } of parts) {
    const count = dims?.length === 1 ? dims[0] : undefined;
    if (typeof count !== 'number' || value.length + count > maxValueElements) return null;
    value.push(...(part ?? Array<Dimension>(count).fill(null)));
  }
  return value;
}

export const split: Rule = (site) => {
  const { type, dims } = site.input(0);
  const count = site.node.outputs.length;
  const axis = dims && axisOf(intOf(site.node, 'axis', 0), dims.length);
  if (!dims || axis === null) return site.node.outputs.map(() => ({ type, dims: null }));
  const given = hasInput(site, 1) ? (site.input(1).value ?? []) : undefined;
  const sizes = intsOf(site.node, 'split') ?? given;
  const chunk = mapSize(dims[axis] ?? null, (size) => Math.ceil(size / count));
  return site.node.outputs.map((_, index) => {
    const size = sizes
      ? (sizes[index] ?? null)
      : lastChunk(dims[axis] ?? null, { chunk, index, count });
    return { type, dims: dims.map((own, at) => (at === axis ? size : own)) };
  });
};

function lastChunk(
  whole: Dimension,
  { chunk, index, count }: { chunk: Dimension; index: number; count: number },
): Dimension {
  if (typeof whole !== 'number' || typeof chunk !== 'number') return null;
  return index === count - 1 ? whole - chunk * (count - 1) : chunk;
}

export const expand: Rule = ({ input }) => {
  const { type, dims } = input(0);
  const target = input(1).value;
  return [{ type, dims: target ? broadcast([dims, target]) : null }];
};

export const tile: Rule = ({ input }) => {
  const { type, dims } = input(0);
  const repeats = input(1).value;
  return [{ type, dims: mapDims(dims, (size, axis) => multiply(size, repeats?.[axis] ?? null)) }];
};

/** Blocks of channels become blocks of pixels (`up`) or the other way. */
export function depthSpace(direction: 'up' | 'down'): Rule {
  return ({ node, input }) => {
    const { type, dims } = input(0);
    const block = intOf(node, 'blocksize', 1);
    if (dims?.length !== 4) return [{ type, dims: null }];
    const [batch = null, channels = null, height = null, width = null] = dims;
    const grow = (size: Dimension, factor: number) => mapSize(size, (s) => s * factor);
    const space = direction === 'up' ? block : 1 / block;
    const depth = direction === 'up' ? 1 / block ** 2 : block ** 2;
    return [
      { type, dims: [batch, grow(channels, depth), grow(height, space), grow(width, space)] },
    ];
  };
}
