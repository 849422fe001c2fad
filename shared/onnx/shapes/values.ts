/** Moves the elements of small known tensors about: row-major lists together with their shape. */
import { type Dims, type Known, maxValueElements } from './known.ts';

/** The sizes, where all are known and small enough for the elements to be followed. */
export function smallDims(dims: Dims | null): readonly number[] | null {
  if (!dims?.every((size) => typeof size === 'number')) return null;
  return dims.reduce((all, size) => all * size, 1) <= maxValueElements ? dims : null;
}

/** The elements at the given positions along an axis; null where a position lies outside. */
export function takeAlong(
  { dims, value }: Known,
  axis: number,
  positions: readonly number[],
): Dims | null {
  const sizes = smallDims(dims);
  if (!value || !sizes) return null;
  const size = sizes[axis] ?? 1;
  const inner = sizes.slice(axis + 1).reduce((all, each) => all * each, 1);
  const outer = sizes.slice(0, axis).reduce((all, each) => all * each, 1);
  if (outer * positions.length * inner > maxValueElements) return null;
  if (!positions.every((at) => Number.isInteger(at) && at >= -size && at < size)) return null;
  return Array.from({ length: outer }, (_, block) =>
    positions.flatMap((position) => {
      const from = (block * size + (position < 0 ? position + size : position)) * inner;
      return value.slice(from, from + inner);
    }),
  ).flat();
}

/** The elements with the axes in another order. */
export function transposed({ dims, value }: Known, order: readonly number[]): Dims | null {
  const sizes = smallDims(dims);
  if (!value || !sizes || new Set(order).size !== sizes.length) return null;
  const strides = sizes.map((_, axis) =>
    sizes.slice(axis + 1).reduce((all, size) => all * size, 1),
  );
  let places = [0];
  for (const axis of order) {
    const stride = strides[axis] ?? 0;
    const steps = Array.from({ length: sizes[axis] ?? 1 }, (_, index) => index * stride);
    places = places.flatMap((place) => steps.map((step) => place + step));
  }
  return places.map((place) => value[place] ?? null);
}
