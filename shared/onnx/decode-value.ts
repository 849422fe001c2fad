/** `ValueInfoProto` (onnx.proto) as a `ValueInfo`. */
import { elementTypeOf } from './decode-tensor.ts';
import type { Dimension, ElementType, ValueInfo } from './graph.ts';
import {
  bytesOf,
  type Field,
  integerOf,
  numberOf,
  type Reading,
  readFields,
  textOf,
} from './wire.ts';

interface TensorType {
  readonly type: ElementType | null;
  readonly dims: readonly Dimension[] | null;
}

export function decodeValueInfo(reading: Reading, message: Uint8Array): ValueInfo {
  let name = '';
  let typeBytes: Uint8Array | undefined;
  const kept = readFields(reading, message, (field) => {
    if (field.number === 1) name = textOf(reading, field);
    else if (field.number === 2) typeBytes = bytesOf(reading, field);
    else return false;
    return true;
  });
  const plain = typeBytes && decodePlainType(reading, typeBytes);
  return {
    name,
    type: plain?.type ?? null,
    dims: plain?.dims ?? null,
    ...(typeBytes && !plain?.complete && { otherType: typeBytes }),
    ...(kept && { kept }),
  };
}

/** `complete` is false where the message says more than an element type and a shape can hold. */
function decodePlainType(
  reading: Reading,
  message: Uint8Array,
): TensorType & { readonly complete: boolean } {
  let tensor: (TensorType & { complete: boolean }) | null = null;
  const kept = readFields(reading, message, (field) => {
    if (field.number !== 1) return false;
    tensor = decodeTensorType(reading, bytesOf(reading, field));
    return true;
  });
  const { type, dims, complete } = tensor ?? unknownTensor;
  return { type, dims, complete: complete && !kept };
}

const unknownTensor = { type: null, dims: null, complete: false };

/** A `TypeProto.Tensor`. */
function decodeTensorType(
  reading: Reading,
  message: Uint8Array,
): TensorType & { complete: boolean } {
  let type: ElementType | null = null;
  let shape: Uint8Array | null = null;
  const kept = readFields(reading, message, (field) => {
    if (field.number === 1) type = elementTypeOf(numberOf(reading, field));
    else if (field.number === 2) shape = bytesOf(reading, field);
    else return false;
    return true;
  });
  const dims: Dimension[] = [];
  let complete = type !== null && kept === undefined;
  if (shape) {
    const keptInShape = readFields(reading, shape, (field) => {
      if (field.number !== 1) return false;
      const keptInDimension = decodeDimension(reading, bytesOf(reading, field), dims);
      if (keptInDimension) complete = false;
      return true;
    });
    if (keptInShape) complete = false;
  }
  return { type, dims: shape ? dims : null, complete };
}

/** Appends one dimension; answers whether the message says more than that (a denotation). */
function decodeDimension(reading: Reading, message: Uint8Array, dims: Dimension[]): boolean {
  let dimension: Dimension = null;
  const kept = readFields(reading, message, (field) => {
    if (field.number === 1) dimension = sizeOf(reading, field);
    else if (field.number === 2) dimension = textOf(reading, field) || null;
    else return false;
    return true;
  });
  dims.push(dimension);
  return kept !== undefined;
}

/** Some exporters write -1 for a size that varies. */
function sizeOf(reading: Reading, field: Field): number | null {
  const size = integerOf(reading, field);
  return typeof size === 'number' && size >= 0 ? size : null;
}
