/**
 * Fixes dimensions that vary: the runtime's binding has no option for it, and kernels like what is
 * known.
 */
import { FettleError } from '../errors.ts';
import { type Dimension, feeds, type Model, type ValueInfo } from './graph.ts';
import { allGraphs } from './walk.ts';

type Sizes = ReadonlyMap<string, number>;

/**
 * Sets sizes in place, by the dimension's name or, where it has none, by its place: `data[0]`.
 * Throws `BAD_ARGUMENT` for a name that no input has and for a size that is no positive whole
 * number.
 */
export function fixDimensions(model: Model, sizes: Readonly<Record<string, number>>): void {
  const inputs = feeds(model.graph);
  const known = new Set(inputs.flatMap(namesOf));
  for (const [name, size] of Object.entries(sizes)) {
    if (!known.has(name)) {
      const expected = known.size > 0 ? `one of ${[...known].join(', ')}` : 'no dimension varies';
      throw new FettleError('BAD_ARGUMENT', { what: 'dimension', expected, got: name });
    }
    if (!Number.isSafeInteger(size) || size < 1) {
      const expected = 'a positive whole number';
      throw new FettleError('BAD_ARGUMENT', { what: `dimension ${name}`, expected, got: size });
    }
  }
  const bySize: Sizes = new Map(Object.entries(sizes));
  model.graph.inputs = model.graph.inputs.map((input) => fixed(input, bySize));
  for (const graph of allGraphs(model.graph)) {
    graph.inputs = graph.inputs.map((value) => renamed(value, bySize));
    graph.outputs = graph.outputs.map((value) => renamed(value, bySize));
    for (const [name, value] of graph.values) graph.values.set(name, renamed(value, bySize));
  }
}

/** The names under which the sizes of an input that vary can be given. */
function namesOf({ name, dims }: ValueInfo): string[] {
  return (dims ?? []).flatMap((size, axis) =>
    typeof size === 'number'
      ? []
      : size === null
        ? [placeOf(name, axis)]
        : [size, placeOf(name, axis)],
  );
}

function placeOf(input: string, axis: number): string {
  return `${input}[${axis}]`;
}

function fixed(value: ValueInfo, sizes: Sizes): ValueInfo {
  const dims = value.dims?.map((size, axis) =>
    typeof size === 'number' ? size : (sizes.get(placeOf(value.name, axis)) ?? size),
  );
  return dims ? { ...value, dims } : value;
}

function renamed(value: ValueInfo, sizes: Sizes): ValueInfo {
  const dims = value.dims?.map(
    (size): Dimension => (typeof size === 'string' ? (sizes.get(size) ?? size) : size),
  );
  return dims ? { ...value, dims } : value;
}
