/** Operators that make values from nothing, from a shape, or of another type. */
import { floatOf, floatsOf, intOf, intsOf, tensorOf } from '../attributes.ts';
import { elementTypeOf } from '../decode-tensor.ts';
import { elementCount, numbersOf } from '../elements.ts';
import type { Dimension, ElementType, Tensor } from '../graph.ts';
import { isInteger } from './elementwise.ts';
import { type Known, maxValueElements, numbers, product, type Rule } from './known.ts';

export function knownTensor(tensor: Tensor): Known {
  const { type, dims } = tensor;
  if (elementCount(dims) > maxValueElements) return { type, dims };
  const value = numbersOf(tensor);
  return value ? { type, dims, value } : { type, dims };
}

export const constant: Rule = ({ node }) => {
  const tensor = tensorOf(node, 'value');
  if (tensor) return [knownTensor(tensor)];
  const list = intsOf(node, 'value_ints') ?? floatsOf(node, 'value_floats');
  const type: ElementType = node.attributes.has('value_ints') ? 'int64' : 'float';
  if (list) return [{ type, dims: [list.length], value: list.slice(0, maxValueElements) }];
  if (node.attributes.has('value_int')) {
    return [{ type: 'int64', dims: [], value: [intOf(node, 'value_int', 0)] }];
  }
  if (node.attributes.has('value_float')) {
    return [{ type: 'float', dims: [], value: [floatOf(node, 'value_float', 0)] }];
  }
  return [{ type: null, dims: null }];
};

export const constantOfShape: Rule = ({ node, input }) => {
  const tensor = tensorOf(node, 'value');
  const type = tensor?.type ?? 'float';
  const dims = input(0).value ?? null;
  const count = dims ? product(dims) : null;
  if (!dims || typeof count !== 'number' || !(count >= 0 && count <= maxValueElements)) {
    return [{ type, dims }];
  }
  const element = tensor ? (numbersOf(tensor)?.[0] ?? null) : 0;
  return [{ type, dims, value: Array.from({ length: count }, () => element) }];
};

export const shapeOf: Rule = ({ node, input }) => {
  const dims = input(0).dims;
  if (!dims) return [{ type: 'int64', dims: [null] }];
  const end = node.attributes.has('end') ? intOf(node, 'end', 0) : undefined;
  const part = dims.slice(intOf(node, 'start', 0), end);
  return [{ type: 'int64', dims: [part.length], value: part }];
};

export const sizeOf: Rule = ({ input }) => {
  const dims = input(0).dims;
  return [{ type: 'int64', dims: [], value: [dims ? product(dims) : null] }];
};

export const cast: Rule = ({ node, input }) => {
  const { dims, value } = input(0);
  return [converted(elementTypeOf(intOf(node, 'to', 0)), { dims, ...(value && { value }) })];
};

export const castLike: Rule = ({ input }) => [{ type: input(1).type, dims: input(0).dims }];

function converted(type: ElementType | null, { dims, value }: Omit<Known, 'type'>): Known {
  if (!value) return { type, dims };
  const convert = (element: Dimension): Dimension => {
    if (typeof element !== 'number') return element;
    if (type === 'bool') return element === 0 ? 0 : 1;
    return isInteger(type) ? Math.trunc(element) : element;
  };
  return { type, dims, value: value.map(convert) };
}

export const range: Rule = ({ input }) => {
  const { type } = input(0);
  const [start, limit, delta] = [0, 1, 2].map((index) => numbers(input(index))?.[0]);
  if (start === undefined || limit === undefined || delta === undefined || delta === 0) {
    return [{ type, dims: [null] }];
  }
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  if (count > maxValueElements) return [{ type, dims: [count] }];
  const value = Array.from({ length: count }, (_, index) => start + index * delta);
  return [{ type, dims: [count], value }];
};

/** The zero point gives the type; without one it is an attribute (from opset 21) or uint8. */
export const quantize: Rule = ({ node, input }) => {
  const type = input(2).type ?? elementTypeOf(intOf(node, 'output_dtype', 0)) ?? 'uint8';
  return [{ type, dims: input(0).dims }];
};

export const dequantize: Rule = ({ input }) => [
  { type: input(1).type ?? 'float', dims: input(0).dims },
];

export const dynamicQuantize: Rule = ({ input }) => [
  { type: 'uint8', dims: input(0).dims },
  { type: 'float', dims: [] },
  { type: 'uint8', dims: [] },
];

/** RandomNormal, RandomUniform: shape and type are attributes. */
export const random: Rule = ({ node }) => [
  { type: elementTypeOf(intOf(node, 'dtype', 1)), dims: intsOf(node, 'shape') ?? null },
];

/** EyeLike, RandomNormalLike, Bernoulli, Multinomial: the type may be an attribute. */
export const likeWithType: Rule = ({ node, input }) => [
  { type: elementTypeOf(intOf(node, 'dtype', 0)) ?? input(0).type, dims: input(0).dims },
];
