/**
 * The tensor data types of the Open Inference Protocol, version 2 ("Tensor Data Types" in the
 * KServe specification), and how each is stored here.
 */
import type { StorableType } from '../../../shared/evaluate/tensor.ts';
import type { ElementType } from '../../../shared/onnx/graph.ts';

export const datatypes = {
  FP32: 'float',
  FP64: 'double',
  FP16: 'float16',
  INT8: 'int8',
  INT16: 'int16',
  INT32: 'int32',
  INT64: 'int64',
  UINT8: 'uint8',
  UINT16: 'uint16',
  UINT32: 'uint32',
  UINT64: 'uint64',
  BOOL: 'bool',
} as const satisfies Record<string, StorableType>;

export type Datatype = keyof typeof datatypes | 'BYTES';

export function isNumeric(datatype: string): datatype is keyof typeof datatypes {
  return Object.hasOwn(datatypes, datatype);
}

/** The protocol's name of an element type; null where it has none. */
export function datatypeOf(type: ElementType | string): Datatype | null {
  if (type === 'string') return 'BYTES';
  const found = Object.entries(datatypes).find(([, stored]) => stored === type);
  return found && isNumeric(found[0]) ? found[0] : null;
}
