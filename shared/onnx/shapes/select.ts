/** Operators that choose, repeat or add elements. */
import { floatsOf, intOf, intsOf } from '../attributes.ts';
import type { Dimension } from '../graph.ts';
import {
  add,
  axisOf,
  type Dims,
  hasInput,
  type Known,
  mapSize,
  maxValueElements,
  numbers,
  type Rule,
  type Site,
  withDim,
} from './known.ts';
import { takeAlong } from './values.ts';

/** Attributes in opset 1, inputs from opset 10 on. */
function sliceArguments(site: Site, rank: number) {
  const given = (name: string, index: number) =>
    intsOf(site.node, name) ?? (hasInput(site, index) ? numbers(site.input(index)) : undefined);
  const starts = given('starts', 1);
  const ends = given('ends', 2);
  const axes = given('axes', 3);
  const steps = given('steps', 4);
  if (!starts || !ends || axes === null || steps === null) return null;
  const places = (axes ?? starts.map((_, index) => index)).map((axis) => axisOf(axis, rank));
  return places.every((axis) => axis !== null) ? { starts, ends, places, steps } : null;
}

export const slice: Rule = (site) => {
  let known = site.input(0);
  const { type, dims } = known;
  if (!dims) return [{ type, dims: null }];
  const given = sliceArguments(site, dims.length);
  if (!given) return [{ type, dims: dims.map(() => null) }];
  let out: Dims = dims;
  given.places.forEach((axis, index) => {
    const range = {
      start: given.starts[index] ?? 0,
      end: given.ends[index] ?? 0,
      step: given.steps?.[index] ?? 1,
    };
    const size = dims[axis] ?? null;
    out = withDim(out, axis, sliced(size, range));
    const positions = typeof size === 'number' ? positionsIn(size, range) : [];
    known = slicedElements(known, axis, positions);
  });
  return [known.value ? { type, dims: out, value: known.value } : { type, dims: out }];
};

interface Range {
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/**
 * Positions clamped as the specification of Slice says; the last of a step back is before the first
 * element.
 */
function bounds(size: number, { start, end, step }: Range): { from: number; to: number } {
  const clamp = (at: number, low: number, high: number) => Math.min(Math.max(at, low), high);
  const from = start < 0 ? start + size : start;
  const to = end < 0 ? end + size : end;
  return step > 0
    ? { from: clamp(from, 0, size), to: clamp(to, 0, size) }
    : { from: clamp(from, 0, size - 1), to: clamp(to, -1, size - 1) };
}

function sliced(size: Dimension, range: Range): Dimension {
  if (range.start === 0 && range.end >= 2 ** 31 - 1 && range.step === 1) return size;
  return mapSize(size, (whole) => {
    const { from, to } = bounds(whole, range);
    return Math.max(0, Math.ceil((to - from) / range.step));
  });
}

function positionsIn(size: number, range: Range): number[] {
  const { from, to } = bounds(size, range);
  const count = Math.max(0, Math.ceil((to - from) / range.step));
  return Array.from(
    { length: Math.min(count, maxValueElements) },
    (_, at) => from + at * range.step,
  );
}

function slicedElements(known: Known, axis: number, positions: readonly number[]): Known {
  const value = takeAlong(known, axis, positions);
  const { type, dims } = known;
  const out = dims && withDim(dims, axis, positions.length);
  return value ? { type, dims: out, value } : { type, dims: out };
}

export const gather: Rule = ({ node, input }) => {
  const { type, dims } = input(0);
  const indices = input(1);
  const axis = dims && axisOf(intOf(node, 'axis', 0), dims.length);
  if (!dims || axis === null || !indices.dims) return [{ type, dims: null }];
  const out = [...dims.slice(0, axis), ...indices.dims, ...dims.slice(axis + 1)];
  const positions = numbers(indices);
  const picked = positions && takeAlong(input(0), axis, positions);
  return [picked ? { type, dims: out, value: picked } : { type, dims: out }];
};

/** The shape of the indices, the type of the data. */
export const gatherElements: Rule = ({ input }) => [{ type: input(0).type, dims: input(1).dims }];

export const gatherNd: Rule = ({ node, input }) => {
  const { type, dims } = input(0);
  const indices = input(1).dims;
  const depth = indices?.at(-1);
  if (!dims || !indices || typeof depth !== 'number') return [{ type, dims: null }];
  const batch = intOf(node, 'batch_dims', 0);
  return [{ type, dims: [...indices.slice(0, -1), ...dims.slice(batch + depth)] }];
};

/**
 * Pads are [begins..., ends...]: an attribute (`pads`, in opset 1 `paddings`), from opset 11 on an
 * input.
 */
export const pad: Rule = (site) => {
  const { type, dims } = site.input(0);
  if (!dims) return [{ type, dims: null }];
  const given =
    intsOf(site.node, 'pads') ?? intsOf(site.node, 'paddings') ?? numbers(site.input(1));
  const axes = hasInput(site, 3) ? numbers(site.input(3)) : dims.map((_, axis) => axis);
  if (!given || !axes) return [{ type, dims: dims.map(() => null) }];
  let out: Dims = dims;
  axes.forEach((axis, index) => {
    const place = axisOf(axis, dims.length) ?? -1;
    const added = (given[index] ?? 0) + (given[index + axes.length] ?? 0);
    out = withDim(out, place, add(dims[place] ?? null, added));
  });
  return [{ type, dims: out }];
};

/** Sizes win over scales; in opset 10 and for Upsample the scales are input 1. */
export const resize: Rule = (site) => {
  const { type, dims } = site.input(0);
  if (!dims) return [{ type, dims: null }];
  const axes = intsOf(site.node, 'axes')?.map((axis) => axisOf(axis, dims.length) ?? -1);
  const old = site.opset < 11 || site.node.op === 'Upsample';
  const sizes = !old && hasInput(site, 3) ? site.input(3).value : undefined;
  const scales = floatsOf(site.node, 'scales') ?? numbers(site.input(old ? 1 : 2)) ?? undefined;
  const policy = site.node.attributes.has('keep_aspect_ratio_policy');
  const out = dims.map((size, axis) => {
    const index = axes ? axes.indexOf(axis) : axis;
    if (index < 0) return size;
    if (sizes && sizes.length > 0) return policy ? null : (sizes[index] ?? null);
    const scale = scales?.[index];
    return scale === undefined
      ? null
      : scale === 1
        ? size
        : mapSize(size, (s) => Math.floor(s * scale));
  });
  return [{ type, dims: out }];
};

export const topK: Rule = (site) => {
  const { type, dims } = site.input(0);
  const axis = dims && axisOf(intOf(site.node, 'axis', -1), dims.length);
  const k =
    intOf(site.node, 'k', -1) >= 0 ? intOf(site.node, 'k', 0) : (site.input(1).value?.[0] ?? null);
  const out = dims && axis !== null ? withDim(dims, axis, k) : null;
  const indices: Known = { type: 'int64', dims: out };
  return [{ type, dims: out }, indices];
};

export const oneHot: Rule = ({ node, input }) => {
  const { dims } = input(0);
  const depth = input(1).value?.[0] ?? null;
  if (!dims) return [{ type: input(2).type, dims: null }];
  const axis = intOf(node, 'axis', -1);
  const place = axis < 0 ? axis + dims.length + 1 : axis;
  return [{ type: input(2).type, dims: [...dims.slice(0, place), depth, ...dims.slice(place)] }];
};

export const nonZero: Rule = ({ input }) => [
  { type: 'int64', dims: [input(0).dims?.length ?? null, null] },
];

export const nonMaxSuppression: Rule = () => [{ type: 'int64', dims: [null, 3] }];

/** The grid gives the spatial sizes, whatever their number. */
export const gridSample: Rule = ({ input }) => {
  const { type, dims } = input(0);
  const grid = input(1).dims;
  return [{ type, dims: dims && grid && [...dims.slice(0, 2), ...grid.slice(1, -1)] }];
};
