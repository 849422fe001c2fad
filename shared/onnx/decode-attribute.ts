/** `AttributeProto` (onnx.proto) as an `Attribute`. */
import { decodeUnnamedTensor } from './decode-tensor.ts';
import type { AttributeValue, Graph, Kept, Tensor } from './graph.ts';
import {
  bytesOf,
  decodeText,
  elementsOf,
  type Field,
  integerOf,
  integersOf,
  numberOf,
  type Reading,
  readFields,
  textOf,
} from './wire.ts';

/** `AttributeProto.AttributeType`: its code, and the field that holds such a value. */
export const attributeKinds = {
  float: { code: 1, field: 2 },
  int: { code: 2, field: 3 },
  string: { code: 3, field: 4 },
  tensor: { code: 4, field: 5 },
  graph: { code: 5, field: 6 },
  floats: { code: 6, field: 7 },
  ints: { code: 7, field: 8 },
  strings: { code: 8, field: 9 },
} as const;

type Kind = keyof typeof attributeKinds;

/** The values found; only the one that the type names counts. */
interface Draft {
  name: string;
  code: number;
  found: Set<number>;
  float: number;
  int: number | bigint;
  string: Uint8Array;
  tensor: Tensor | null;
  graph: Graph | null;
  floats: number[];
  ints: (number | bigint)[];
  strings: Uint8Array[];
}

/**
 * Reads a nested graph; given by the caller, because graphs hold attributes and attributes hold
 * graphs.
 */
export type DecodeGraph = (message: Uint8Array) => Graph;

export interface NamedAttribute {
  readonly name: string;
  readonly attribute: AttributeValue & { readonly kept?: Kept };
}

export function decodeAttribute(
  reading: Reading,
  message: Uint8Array,
  decodeGraph: DecodeGraph,
): NamedAttribute {
  const draft: Draft = {
    name: '',
    code: 0,
    found: new Set(),
    float: 0,
    int: 0,
    string: new Uint8Array(0),
    tensor: null,
    graph: null,
    floats: [],
    ints: [],
    strings: [],
  };
  const kept = readFields(reading, message, (field) =>
    gather(reading, draft, { field, decodeGraph }),
  );
  const kind = kindOf(draft);
  const value = kind && !refersToFunction(kept, reading) ? attributeValue(draft, kind) : null;
  if (!value) return { name: draft.name, attribute: asRead(reading, message) };
  return { name: draft.name, attribute: { ...value, ...(kept && { kept }) } };
}

function gather(
  reading: Reading,
  draft: Draft,
  { field, decodeGraph }: { field: Field; decodeGraph: DecodeGraph },
): boolean {
  switch (field.number) {
    case 1:
      draft.name = textOf(reading, field);
      return true;
    case 20:
      draft.code = numberOf(reading, field);
      return true;
    case 2:
      draft.float = floatsIn(elementsOf(reading, field))[0] ?? 0;
      break;
    case 3:
      draft.int = integerOf(reading, field);
      break;
    case 4:
      draft.string = bytesOf(reading, field);
      break;
    case 5:
      draft.tensor = decodeUnnamedTensor(reading, bytesOf(reading, field));
      break;
    case 6:
      draft.graph = decodeGraph(bytesOf(reading, field));
      break;
    case 7:
      for (const value of floatsIn(elementsOf(reading, field))) draft.floats.push(value);
      break;
    case 8:
      for (const value of integersOf(reading, field)) draft.ints.push(value);
      break;
    case 9:
      draft.strings.push(bytesOf(reading, field));
      break;
    default:
      return false;
  }
  draft.found.add(field.number);
  return true;
}

function floatsIn(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = Math.floor(bytes.byteLength / 4);
  return Array.from({ length: count }, (_, index) => view.getFloat32(index * 4, true));
}

/** IR versions 1 and 2 leave the type out; then the one value that is there decides. */
function kindOf(draft: Draft): Kind | null {
  for (const kind of kinds) {
    const { code, field } = attributeKinds[kind];
    if (draft.code === code || (draft.code === 0 && draft.found.has(field))) return kind;
  }
  return null;
}

const kinds = ['float', 'int', 'string', 'tensor', 'graph', 'floats', 'ints', 'strings'] as const;

function refersToFunction(kept: Kept | undefined, reading: Reading): boolean {
  return functionAttributeOf(kept, reading) !== null;
}

/**
 * Field 21 is `ref_attr_name`: the value is that attribute of the function around it; null where it
 * is none.
 */
export function functionAttributeOf(kept: Kept | undefined, reading: Reading): string | null {
  let name: string | null = null;
  for (const raw of kept ?? []) {
    readFields(reading, raw, (field) => {
      if (field.number === 21) name = textOf(reading, field);
      return true;
    });
  }
  return name;
}

/**
 * null where the value is not what its type says, or is text that is not UTF-8: it is then kept as
 * read.
 */
function attributeValue(draft: Draft, kind: Kind): AttributeValue | null {
  switch (kind) {
    case 'float':
      return { kind, value: draft.float };
    case 'int':
      return { kind, value: draft.int };
    case 'floats':
      return { kind, value: draft.floats };
    case 'ints':
      return { kind, value: draft.ints };
    case 'tensor':
      return draft.tensor && { kind, value: draft.tensor };
    case 'graph':
      return draft.graph && { kind, value: draft.graph };
    case 'string': {
      const value = decodeText(draft.string);
      return value === null ? null : { kind, value };
    }
    case 'strings': {
      const value = draft.strings.map(decodeText);
      return value.every((text) => text !== null) ? { kind, value } : null;
    }
  }
}

/** The whole message but its name, field by field. */
function asRead(reading: Reading, message: Uint8Array): AttributeValue {
  const value = readFields(reading, message, (field) => field.number === 1) ?? [];
  return { kind: 'kept', value };
}
