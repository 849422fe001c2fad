/**
 * Moves the elements of constants about, whatever their type: transpose, concatenate, gather,
 * slice.
 */
import type { Tensor } from '../../onnx/graph.ts';
import { integersOf, sizeOf } from '../tensors.ts';

/** Row-major strides in elements. */
export function stridesOf(dims: readonly number[]): number[] {
  const strides = dims.map(() => 1);
  for (let axis = dims.length - 2; axis >= 0; axis -= 1) {
    strides[axis] = (strides[axis + 1] ?? 1) * (dims[axis + 1] ?? 1);
  }
  return strides;
}

/** The tensor of these dims whose elements lie at `offset(index)` of the source, in elements. */
function pick(
  source: Tensor,
  dims: readonly number[],
  offset: (index: readonly number[]) => number,
): Tensor | undefined {
  const width = source.bytes.length / Math.max(1, sizeOf(source.dims));
  if (!Number.isInteger(width) || width < 1) return undefined;
  const bytes = new Uint8Array(sizeOf(dims) * width);
  const index = dims.map(() => 0);
  for (let at = 0; at < bytes.length; at += width) {
    const from = offset(index) * width;
    bytes.set(source.bytes.subarray(from, from + width), at);
    advance(index, dims);
  }
  return { type: source.type, dims, bytes };
}

function advance(index: number[], dims: readonly number[]): void {
  for (let axis = dims.length - 1; axis >= 0; axis -= 1) {
    const next = (index[axis] ?? 0) + 1;
    index[axis] = next < (dims[axis] ?? 1) ? next : 0;
    if (next < (dims[axis] ?? 1)) return;
  }
}

export function transpose(x: Tensor, perm: readonly number[] | undefined): Tensor | undefined {
  const order = perm ?? x.dims.map((_, axis) => x.dims.length - 1 - axis);
  const strides = stridesOf(x.dims);
  const moved = order.map((axis) => strides[axis] ?? 0);
  const dims = order.map((axis) => x.dims[axis] ?? 1);
  return pick(x, dims, (index) => index.reduce((sum, i, axis) => sum + i * (moved[axis] ?? 0), 0));
}

export function concatenate(
  inputs: readonly (Tensor | undefined)[],
  axis: number,
): Tensor | undefined {
  const parts = inputs.filter((input) => input !== undefined);
  const [first] = parts;
  if (!first || parts.length !== inputs.length) return undefined;
  const at = axis < 0 ? axis + first.dims.length : axis;
  if (parts.some((part) => part.type !== first.type || part.strings)) return undefined;
  const dims = first.dims.map((dim, a) =>
    a === at ? parts.reduce((sum, part) => sum + (part.dims[at] ?? 0), 0) : dim,
  );
  const outer = sizeOf(first.dims.slice(0, at));
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.bytes.length, 0));
  let offset = 0;
  for (let o = 0; o < outer; o += 1) {
    for (const part of parts) {
      const run = part.bytes.length / outer;
      bytes.set(part.bytes.subarray(o * run, (o + 1) * run), offset);
      offset += run;
    }
  }
  return { type: first.type, dims, bytes };
}

export function gather(
  x: Tensor | undefined,
  indices: Tensor | undefined,
  axis: number,
): Tensor | undefined {
  const picked = integersOf(indices);
  if (!x || !indices || !picked) return undefined;
  const at = axis < 0 ? axis + x.dims.length : axis;
  const size = x.dims[at] ?? 1;
  const rank = indices.dims.length;
  const dims = [...x.dims.slice(0, at), ...indices.dims, ...x.dims.slice(at + 1)];
  const strides = stridesOf(x.dims);
  const inner = stridesOf(indices.dims);
  if (picked.some((i) => i < -size || i >= size)) return undefined;
  return pick(x, dims, (index) => {
    const where = index.slice(at, at + rank).reduce((sum, i, a) => sum + i * (inner[a] ?? 0), 0);
    const i = picked[where] ?? 0;
    const rest = [...index.slice(0, at), i < 0 ? i + size : i, ...index.slice(at + rank)];
    return rest.reduce((sum, value, a) => sum + value * (strides[a] ?? 0), 0);
  });
}

/** Slice-10 and later: inputs data, starts, ends, axes, steps. */
export function slice(inputs: readonly (Tensor | undefined)[]): Tensor | undefined {
  const [x] = inputs;
  const [starts, ends] = [integersOf(inputs[1]), integersOf(inputs[2])];
  if (!x || !starts || !ends) return undefined;
  const axes = integersOf(inputs[3]) ?? starts.map((_, axis) => axis);
  const steps = integersOf(inputs[4]) ?? starts.map(() => 1);
  const cuts = x.dims.map((size) => ({ start: 0, step: 1, count: size }));
  axes.forEach((axis, i) => {
    const at = axis < 0 ? axis + x.dims.length : axis;
    cuts[at] = cut(x.dims[at] ?? 0, {
      start: starts[i] ?? 0,
      end: ends[i] ?? 0,
      step: steps[i] ?? 1,
    });
  });
  const strides = stridesOf(x.dims);
  const dims = cuts.map(({ count }) => count);
  return pick(x, dims, (index) =>
    index.reduce((sum, i, axis) => {
      const { start, step } = cuts[axis] ?? { start: 0, step: 1 };
      return sum + (start + i * step) * (strides[axis] ?? 0);
    }, 0),
  );
}

/** What a slice of one axis takes (Slice-13: negative counts from the end, then clamped). */
export function cut(
  size: number,
  { start, end, step }: { start: number; end: number; step: number },
): { start: number; step: number; count: number } {
  const low = step > 0 ? 0 : -1;
  const high = step > 0 ? size : size - 1;
  const clamp = (value: number) => Math.min(Math.max(value < 0 ? value + size : value, low), high);
  const [from, to] = [clamp(start), clamp(end)];
  return { start: from, step, count: Math.max(0, Math.ceil((to - from) / step)) };
}

/** Which elements of two tensors meet under NumPy broadcasting; undefined where too many. */
export function spread(
  a: readonly number[],
  b: readonly number[],
  maxElements: number,
): { dims: number[]; pairs: [number, number][] } | undefined {
  const rank = Math.max(a.length, b.length);
  const pad = (dims: readonly number[]) => [...Array(rank - dims.length).fill(1), ...dims];
  const [left, right] = [pad(a), pad(b)];
  const dims = left.map((dim, axis) => (dim === 1 ? (right[axis] ?? 1) : dim));
  if (sizeOf(dims) > maxElements || right.some((dim, axis) => dim !== 1 && dim !== dims[axis])) {
    return undefined;
  }
  const [leftStrides, rightStrides] = [stridesOf(left), stridesOf(right)];
  const index = dims.map(() => 0);
  const at = (of: number[], strides: number[]) =>
    index.reduce((sum, i, axis) => sum + (of[axis] === 1 ? 0 : i) * (strides[axis] ?? 0), 0);
  const pairs: [number, number][] = [];
  for (let count = sizeOf(dims); count > 0; count -= 1) {
    pairs.push([at(left, leftStrides), at(right, rightStrides)]);
    advance(index, dims);
  }
  return { dims, pairs };
}
