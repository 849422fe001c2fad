/** Operators whose output has the shape of an input, or of all broadcast together. */
import type { Dimension, ElementType } from '../graph.ts';
import {
  add,
  broadcast,
  type Dims,
  type Known,
  maxValueElements,
  multiply,
  type Rule,
  type Site,
} from './known.ts';

/** Type, shape and elements of the first input. */
export const passes: Rule = ({ input }) => [input(0)];

/** Type and shape of the first input. */
export const likeFirst: Rule = ({ input }) => [{ type: input(0).type, dims: input(0).dims }];

/** The first input's shape with a type of its own. */
export function shapedLike(type: ElementType): Rule {
  return ({ input }) => [{ type, dims: input(0).dims }];
}

export const broadcasts: Rule = (site) => [
  { type: site.input(0).type, dims: broadcastInputs(site) },
];

export const compares: Rule = (site) => [{ type: 'bool', dims: broadcastInputs(site) }];

/** Condition, then, else. */
export const where: Rule = (site) => {
  const dims = broadcastInputs(site);
  const [condition, then, otherwise] = [site.input(0), site.input(1), site.input(2)];
  const type = then.type ?? otherwise.type;
  const pick = (index: number): Dimension => {
    const chosen = elementAt(condition, index);
    if (chosen === null) return null;
    return chosen === 0 ? elementAt(otherwise, index) : elementAt(then, index);
  };
  return [withValue({ type, dims }, [condition, then, otherwise], pick)];
};

const arithmetic = {
  Add: add,
  Mul: multiply,
  Sub: (a: Dimension, b: Dimension) =>
    b === 0 ? a : typeof a === 'number' && typeof b === 'number' ? a - b : null,
  Div: (a: Dimension, b: Dimension) => {
    if (b === 1) return a;
    return typeof a === 'number' && typeof b === 'number' && b !== 0 ? a / b : null;
  },
  Min: (a: Dimension, b: Dimension) =>
    typeof a === 'number' && typeof b === 'number' ? Math.min(a, b) : null,
  Max: (a: Dimension, b: Dimension) =>
    typeof a === 'number' && typeof b === 'number' ? Math.max(a, b) : null,
  Equal: (a: Dimension, b: Dimension) => {
    if (typeof a === 'number' && typeof b === 'number') return a === b ? 1 : 0;
    // A named size is never the -1 that exporters compare shapes with.
    return (typeof a === 'string' && b === -1) || (a === -1 && typeof b === 'string') ? 0 : null;
  },
} as const satisfies Record<string, (a: Dimension, b: Dimension) => Dimension>;

/** Arithmetic that shapes are computed with: the elements are followed too. */
export function computes(op: keyof typeof arithmetic): Rule {
  return (site) => {
    const dims = broadcastInputs(site);
    const [a, b] = [site.input(0), site.input(1)];
    const isCompare = op === 'Equal';
    const compute = (index: number): Dimension => {
      const result = arithmetic[op](elementAt(a, index), elementAt(b, index));
      const truncates = op === 'Div' && isInteger(a.type);
      return truncates && typeof result === 'number' ? Math.trunc(result) : result;
    };
    const shape = { type: isCompare ? 'bool' : a.type, dims } as const;
    return site.node.inputs.length === 2 ? [withValue(shape, [a, b], compute)] : [shape];
  };
}

/** A function of each element, e.g. Floor and Cast. */
export function mapsElements(of: (element: number) => number): Rule {
  return ({ input }) => {
    const { type, dims, value } = input(0);
    const mapped = value?.map((element) => (typeof element === 'number' ? of(element) : element));
    return [mapped ? { type, dims, value: mapped } : { type, dims }];
  };
}

export function isInteger(type: ElementType | null): boolean {
  return type !== null && /^u?int/.test(type);
}

/** Opsets below 7 broadcast only towards the first input. */
function broadcastInputs({ node, input, opset }: Site): Dims | null {
  if (opset < 7 && node.domain === '') return input(0).dims;
  return broadcast(node.inputs.map((_, index) => input(index).dims));
}

/** Adds the elements where the result is small and any operand's are known. */
function withValue(
  shape: Known,
  operands: readonly Known[],
  element: (index: number) => Dimension,
): Known {
  const { dims } = shape;
  const flat = operands.every((operand) => (operand.dims?.length ?? 2) <= 1);
  if (!dims || !flat || !operands.some(({ value }) => value)) return shape;
  const count = dims[0] ?? 1;
  if (typeof count !== 'number' || count > maxValueElements) return shape;
  const value = Array.from({ length: count }, (_, index) => element(index));
  return value.some((size) => size !== null) ? { ...shape, value } : shape;
}

/** The element of an operand of rank 0 or 1, broadcast. */
function elementAt({ value }: Known, index: number): Dimension {
  if (!value) return null;
  return (value.length === 1 ? value[0] : value[index]) ?? null;
}
