/** Numbers in JSON, nested or flat, as tensors. */
import { allocate, type RuntimeTensor, toFloat16 } from '../../../shared/evaluate/tensor.ts';
import { datatypes } from './datatypes.ts';
import { wrong } from './wrong.ts';

/** Axes that a tensor has at most. */
export const axesMax = 16;

export interface Wanted {
  /** `input x`, for errors. */
  readonly what: string;
  readonly datatype: keyof typeof datatypes;
  readonly shape: readonly number[];
  readonly count: number;
}

/** Row-major, whether nested as the shape says or flat. Throws `BAD_ARGUMENT`. */
export function tensorFromJson(wanted: Wanted, data: unknown): RuntimeTensor {
  const { what, datatype, shape, count } = wanted;
  if (!Array.isArray(data)) throw wrong(what, 'data as an array of numbers', typeof data);
  const type = datatypes[datatype];
  const values = allocate(type, count);
  const isFloat = type === 'float' || type === 'double';
  let at = 0;
  const put = (value: unknown): void => {
    if (at >= count) throw wrong(what, `${count} elements for shape [${shape}]`, 'more');
    const number = typeof value === 'boolean' && type === 'bool' ? Number(value) : value;
    if (typeof number !== 'number') throw wrong(what, 'numbers', typeof value);
    if (values instanceof BigInt64Array || values instanceof BigUint64Array) {
      if (!Number.isInteger(number)) throw wrong(what, 'integers', number);
      values[at] = BigInt(number);
      if (Number(values[at]) !== number) throw wrong(what, `values of ${datatype}`, number);
    } else {
      values[at] = type === 'float16' ? toFloat16(number) : number;
      const kept = isFloat || type === 'float16' || values[at] === number;
      if (!kept) throw wrong(what, `values of ${datatype}`, number);
    }
    at += 1;
  };
  const walk = (part: readonly unknown[], depth: number): void => {
    // Bounded before the stack is.
    if (depth > axesMax) throw wrong(what, `data of at most ${axesMax} nested arrays`, 'more');
    for (const one of part) {
      if (Array.isArray(one)) walk(one, depth + 1);
      else put(one);
    }
  };
  walk(data, 1);
  if (at !== count) throw wrong(what, `${count} elements for shape [${shape}]`, at);
  return { type, dims: shape, data: values };
}
