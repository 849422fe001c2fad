/**
 * The elements of constant tensors as numbers. All hosts that the runtime supports are little-
 * endian, as the format is.
 */
import { fromFloat16 } from '../evaluate/tensor.ts';
import type { ElementType, Tensor } from './graph.ts';

interface Reader {
  readonly bytes: number;
  at(view: DataView, offset: number): number;
}

const readers: Partial<Record<ElementType, Reader>> = {
  float: { bytes: 4, at: (view, offset) => view.getFloat32(offset, true) },
  double: { bytes: 8, at: (view, offset) => view.getFloat64(offset, true) },
  float16: { bytes: 2, at: (view, offset) => fromFloat16(view.getUint16(offset, true)) },
  int8: { bytes: 1, at: (view, offset) => view.getInt8(offset) },
  uint8: { bytes: 1, at: (view, offset) => view.getUint8(offset) },
  bool: { bytes: 1, at: (view, offset) => view.getUint8(offset) },
  int16: { bytes: 2, at: (view, offset) => view.getInt16(offset, true) },
  uint16: { bytes: 2, at: (view, offset) => view.getUint16(offset, true) },
  int32: { bytes: 4, at: (view, offset) => view.getInt32(offset, true) },
  uint32: { bytes: 4, at: (view, offset) => view.getUint32(offset, true) },
  // ONNX uses the ends of int64 as "to the end": they need not be exact.
  int64: { bytes: 8, at: (view, offset) => Number(view.getBigInt64(offset, true)) },
  uint64: { bytes: 8, at: (view, offset) => Number(view.getBigUint64(offset, true)) },
};

/** How many elements a shape has; 1 for a scalar. */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, size) => product * size, 1);
}

/** The elements as numbers; null for strings, complex, 4-bit and 8-bit floating types. */
export function numbersOf(tensor: Tensor): number[] | null {
  const reader = readers[tensor.type];
  if (!reader || tensor.external) return null;
  const { bytes } = tensor;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = Math.floor(bytes.byteLength / reader.bytes);
  return Array.from({ length: count }, (_, index) => reader.at(view, index * reader.bytes));
}
