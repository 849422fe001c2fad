/**
 * `TensorProto` (onnx.proto) as a `Tensor`: whatever field its elements came in, they become
 * little-endian bytes.
 */
import { FettleError } from '../errors.ts';
import { type ElementType, elementTypes, type Tensor } from './graph.ts';
import { storedIntegers } from './integers.ts';
import {
  bytesOf,
  elementsOf,
  type Field,
  integersOf,
  invalid,
  numberOf,
  type Reading,
  readFields,
  textOf,
} from './wire.ts';

export interface NamedTensor {
  readonly name: string;
  readonly tensor: Tensor;
}

/** The fields of the message while they are gathered. */
interface Draft {
  name: string;
  code: number;
  dims: number[];
  raw: Uint8Array | null;
  /** Runs of `float_data` and `double_data`, which are little-endian on the wire. */
  runs: Uint8Array[];
  /** Fields of varints: `int32_data`, `int64_data`, `uint64_data`. */
  integers: Field[];
  strings: Uint8Array[];
  external: Map<string, string>;
  isExternal: boolean;
}

const typeByCode: ReadonlyMap<number, string> = new Map(
  Object.entries(elementTypes).map(([name, { code }]) => [code, name] as const),
);

/** null for a code that this table does not know, and for 0, which is "undefined". */
export function elementTypeOf(code: number): ElementType | null {
  const name = typeByCode.get(code);
  return name !== undefined && isElementType(name) ? name : null;
}

function isElementType(name: string): name is ElementType {
  return name in elementTypes;
}

/** The value of an attribute; its name, which nobody refers to, is kept with the other fields. */
export function decodeUnnamedTensor(reading: Reading, message: Uint8Array): Tensor {
  const { name, tensor } = decodeTensor(reading, message);
  if (name === '') return tensor;
  const rest = readFields(reading, message, (field) => !isNameOrUnknown(field)) ?? [];
  return { ...tensor, kept: rest };
}

export function decodeTensor(reading: Reading, message: Uint8Array): NamedTensor {
  const draft: Draft = {
    name: '',
    code: 0,
    dims: [],
    raw: null,
    runs: [],
    integers: [],
    strings: [],
    external: new Map(),
    isExternal: false,
  };
  const kept = readFields(reading, message, (field) => gather(reading, draft, field));
  const type = elementTypeOf(draft.code);
  if (type === null) {
    const reason = `tensor ${draft.name} has element type ${draft.code}, which is not known`;
    throw new FettleError('ONNX_UNSUPPORTED', { path: reading.path, reason });
  }
  const tensor: Tensor = {
    type,
    dims: draft.dims,
    bytes: elementBytes(reading, draft, type),
    ...(type === 'string' && { strings: draft.strings }),
    ...(draft.isExternal && { external: draft.external }),
    ...(kept && { kept }),
  };
  return { name: draft.name, tensor };
}

function gather(reading: Reading, draft: Draft, field: Field): boolean {
  switch (field.number) {
    case 1:
      for (const size of integersOf(reading, field)) draft.dims.push(dimension(reading, size));
      return true;
    case 2:
      draft.code = numberOf(reading, field);
      return true;
    case 4: // float_data
    case 10: // double_data
      draft.runs.push(elementsOf(reading, field));
      return true;
    case 5: // int32_data
    case 7: // int64_data
    case 11: // uint64_data
      draft.integers.push(field);
      return true;
    case 6:
      draft.strings.push(bytesOf(reading, field));
      return true;
    case 8:
      draft.name = textOf(reading, field);
      return true;
    case 9:
      draft.raw = bytesOf(reading, field);
      return true;
    case 13: {
      const [key, value] = decodeEntry(reading, bytesOf(reading, field));
      draft.external.set(key, value);
      return true;
    }
    case 14:
      draft.isExternal = numberOf(reading, field) === 1;
      return true;
    default:
      return false;
  }
}

/** Name, segment, text and metadata: all that `gather` declines, and the name. */
function isNameOrUnknown(field: Field): boolean {
  return field.number === 8 || !understood.has(field.number);
}

const understood = new Set([1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14]);

/** A `StringStringEntryProto`. */
export function decodeEntry(reading: Reading, message: Uint8Array): [string, string] {
  let key = '';
  let value = '';
  readFields(reading, message, (field) => {
    if (field.number === 1) key = textOf(reading, field);
    else if (field.number === 2) value = textOf(reading, field);
    return true;
  });
  return [key, value];
}

function dimension(reading: Reading, size: number | bigint): number {
  if (typeof size === 'number' && size >= 0) return size;
  throw invalid(reading, `a tensor has a dimension of ${size}`);
}

function elementBytes(reading: Reading, draft: Draft, type: ElementType): Uint8Array {
  const runs = draft.runs.filter((run) => run.byteLength > 0);
  const given = [(draft.raw?.byteLength ?? 0) > 0, runs.length > 0, draft.integers.length > 0];
  if (given.filter(Boolean).length > 1) {
    throw invalid(reading, `tensor ${draft.name} has its elements in two fields`);
  }
  if (draft.integers.length > 0) return integerBytes(reading, draft, type);
  const [first, second] = runs;
  if (!first) return draft.raw ?? new Uint8Array(0);
  return second ? new Uint8Array(Buffer.concat(runs)) : first;
}

/**
 * onnx.proto, `TensorProto`: smaller types lie in `int32_data` one a value, 4 and 2 bits a packed
 * byte a value.
 */
function integerBytes(reading: Reading, draft: Draft, type: ElementType): Uint8Array {
  const width = Math.max(elementTypes[type].bits, 8) / 8;
  if (width > 8) throw invalid(reading, `tensor ${draft.name} of ${type} has integer elements`);
  const runs = draft.integers.map((field) => storedIntegers(reading, field, width));
  const [first, second] = runs;
  return first && !second ? first : new Uint8Array(Buffer.concat(runs));
}
