/** Tensors as they are fed to a model, come out of it, and lie in data sets. */
import type { ElementType } from '../onnx/graph.ts';

/** Elements in row-major order. float16 are their 16 bits; bool is one byte each, 0 or 1. */
export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | string[];

export interface RuntimeTensor {
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly data: TensorData;
}

/** Tensors by input or output name. */
export type Tensors = Record<string, RuntimeTensor>;

/** The arrays that hold each element type that can be stored and fed. */
export const storage = {
  float: Float32Array,
  double: Float64Array,
  float16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
} as const satisfies Partial<Record<ElementType, unknown>>;

export type StorableType = keyof typeof storage;

export function isStorable(type: string): type is StorableType {
  return Object.hasOwn(storage, type);
}

/** How many elements a shape has; 1 for a scalar. */
export function elementsOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** An array of zeros for `count` elements. */
export function allocate(type: StorableType, count: number): Exclude<TensorData, string[]> {
  return new storage[type](count);
}

/** The elements as numbers, float16 decoded; what metrics are computed from. Throws on strings. */
export function numbersOf(tensor: RuntimeTensor): ArrayLike<number> {
  const { data, type } = tensor;
  if (type === 'float16' && data instanceof Uint16Array)
    return Float64Array.from(data, fromFloat16);
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    return Float64Array.from(data, Number);
  }
  if (Array.isArray(data)) throw new TypeError('a tensor of strings has no numbers');
  return data;
}

/** The value of 16 bits as IEEE 754 binary16. */
export function fromFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The nearest IEEE 754 binary16, ties to even. */
export function toFloat16(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  const exponent = size < 2 ** -14 ? -14 : Math.min(15, Math.floor(Math.log2(size)));
  const step = 2 ** (exponent - 10);
  const steps = roundToEven(size / step);
  // A carry into the next exponent is what adding the fraction to the biased exponent does.
  return sign | (size < 2 ** -14 ? steps : ((exponent + 14) << 10) + steps);
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
