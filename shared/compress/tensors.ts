/** Constants as numbers and back. Arithmetic is float64 in a fixed order; storing rounds once. */
import { numbersOf } from '../onnx/elements.ts';
import type { ElementType, Tensor } from '../onnx/graph.ts';

/** The values of a float or double tensor; undefined for any other type. */
export function floatsOf(tensor: Tensor | undefined): Float64Array | undefined {
  if (!tensor || tensor.external) return undefined;
  // A copy, as the bytes may lie anywhere in the file and typed arrays must be aligned.
  const { buffer } = Uint8Array.from(tensor.bytes);
  if (tensor.type === 'float') return Float64Array.from(new Float32Array(buffer));
  return tensor.type === 'double' ? new Float64Array(buffer) : undefined;
}

/** The values of an integer or bool tensor; undefined for any other type. */
export function integersOf(tensor: Tensor | undefined): number[] | undefined {
  if (!tensor || !integerTypes.has(tensor.type)) return undefined;
  return numbersOf(tensor) ?? undefined;
}

const integerTypes: ReadonlySet<ElementType> = new Set<ElementType>([
  'int8',
  'uint8',
  'bool',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
]);

export function floatTensor(dims: readonly number[], values: ArrayLike<number>): Tensor {
  return { type: 'float', dims, bytes: bytesOf(Float32Array.from(values)) };
}

export function int64Tensor(dims: readonly number[], values: readonly number[]): Tensor {
  const numbers = BigInt64Array.from(values, (value) => BigInt(value));
  return { type: 'int64', dims, bytes: bytesOf(numbers) };
}

export function int32Tensor(dims: readonly number[], values: ArrayLike<number>): Tensor {
  return { type: 'int32', dims, bytes: bytesOf(Int32Array.from(values)) };
}

export function int8Tensor(dims: readonly number[], values: ArrayLike<number>): Tensor {
  return { type: 'int8', dims, bytes: bytesOf(Int8Array.from(values)) };
}

export function uint8Tensor(dims: readonly number[], values: ArrayLike<number>): Tensor {
  return { type: 'uint8', dims, bytes: Uint8Array.from(values) };
}

/** All hosts that the runtime supports are little-endian, as the format is. */
function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

export function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}
