/** Reductions over axes. */
import { intOf } from '../attributes.ts';
import type { Dimension, ElementType } from '../graph.ts';
import { axisOf, numbers, type Rule } from './known.ts';
import { axesOf } from './layout.ts';

export const reduce: Rule = (site) => {
  const { type, dims } = site.input(0);
  if (!dims) return [{ type, dims: null }];
  const keeps = intOf(site.node, 'keepdims', 1) === 1;
  const given = axesOf(site, dims.length);
  if (given === null) return [{ type, dims: keeps ? dims.map(() => null) : null }];
  const all = given === 'absent' || given.length === 0;
  if (all && intOf(site.node, 'noop_with_empty_axes', 0) === 1) return [{ type, dims }];
  const goes = (axis: number) => all || given.includes(axis);
  const out = keeps
    ? dims.map((size, axis) => (goes(axis) ? 1 : size))
    : dims.filter((_, axis) => !goes(axis));
  const value = site.node.op === 'ReduceProd' ? productOf(numbers(site.input(0))) : null;
  return [value && out.length <= 1 ? { type, dims: out, value } : { type, dims: out }];
};

/** Exporters count elements by multiplying a shape. */
function productOf(elements: readonly number[] | null): Dimension[] | null {
  return elements && [elements.reduce((all, element) => all * element, 1)];
}

/** ArgMax and ArgMin. */
export function argument(type: ElementType): Rule {
  return ({ node, input }) => {
    const { dims } = input(0);
    const axis = dims && axisOf(intOf(node, 'axis', 0), dims.length);
    if (!dims || axis === null) return [{ type, dims: null }];
    const keeps = intOf(node, 'keepdims', 1) === 1;
    const out = keeps ? dims.map((size, at) => (at === axis ? 1 : size)) : dims.toSpliced(axis, 1);
    return [{ type, dims: out }];
  };
}
