/**
 * An ONNX model as it is edited: plain objects and arrays, named by strings as in the format.
 * What this code does not understand rides along in `kept` and is written back unchanged.
 */

/** Element types by their names in `TensorProto.DataType` (onnx.proto), lower case. */
export const elementTypes = {
  float: { code: 1, bits: 32 },
  uint8: { code: 2, bits: 8 },
  int8: { code: 3, bits: 8 },
  uint16: { code: 4, bits: 16 },
  int16: { code: 5, bits: 16 },
  int32: { code: 6, bits: 32 },
  int64: { code: 7, bits: 64 },
  string: { code: 8, bits: 0 },
  bool: { code: 9, bits: 8 },
  float16: { code: 10, bits: 16 },
  double: { code: 11, bits: 64 },
  uint32: { code: 12, bits: 32 },
  uint64: { code: 13, bits: 64 },
  complex64: { code: 14, bits: 64 },
  complex128: { code: 15, bits: 128 },
  bfloat16: { code: 16, bits: 16 },
  float8e4m3fn: { code: 17, bits: 8 },
  float8e4m3fnuz: { code: 18, bits: 8 },
  float8e5m2: { code: 19, bits: 8 },
  float8e5m2fnuz: { code: 20, bits: 8 },
  uint4: { code: 21, bits: 4 },
  int4: { code: 22, bits: 4 },
  float4e2m1: { code: 23, bits: 4 },
  float8e8m0: { code: 24, bits: 8 },
  uint2: { code: 25, bits: 2 },
  int2: { code: 26, bits: 2 },
} as const satisfies Record<string, { code: number; bits: number }>;

export type ElementType = keyof typeof elementTypes;

/** Fields of a message that are not understood, each with its tag, as they lie in the file. */
export type Kept = readonly Uint8Array[];

/** A constant tensor. Its bytes are a view into the file it was read from, never a copy. */
export interface Tensor {
  readonly type: ElementType;
  readonly dims: readonly number[];
  /** Little-endian elements in row-major order, packed for 4 and 2 bits; empty for strings. */
  readonly bytes: Uint8Array;
  readonly strings?: readonly Uint8Array[];
  /** Where the bytes are while they lie in another file: `location`, `offset`, `length`. */
  readonly external?: ReadonlyMap<string, string>;
  readonly kept?: Kept;
}

export type Attribute = AttributeValue & {
  readonly kept?: Kept;
};

export type AttributeValue =
  | { readonly kind: 'int'; readonly value: number | bigint }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'ints'; readonly value: readonly (number | bigint)[] }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  | { readonly kind: 'tensor'; readonly value: Tensor }
  | { readonly kind: 'graph'; readonly value: Graph }
  /** Anything else (sparse tensors, types, references to function attributes), as it was read. */
  | { readonly kind: 'kept'; readonly value: Kept };

export interface Node {
  name: string;
  op: string;
  /** '' is the ONNX domain. */
  domain: string;
  /** Value names; '' is an optional input left out. */
  inputs: string[];
  outputs: string[];
  attributes: Map<string, Attribute>;
  kept?: Kept;
}

/** A dimension: a size, the name of one that varies, or null where nothing is said. */
export type Dimension = number | string | null;

/** A named value with what is known of its type. */
export interface ValueInfo {
  readonly name: string;
  /** null where the value is no tensor or its type is not known. */
  readonly type: ElementType | null;
  /** null where the rank is not known. */
  readonly dims: readonly Dimension[] | null;
  /**
   * A type that is no plain tensor type (a sequence, an optional, denotations): the `TypeProto`.
   */
  readonly otherType?: Uint8Array;
  readonly kept?: Kept;
}

export interface Graph {
  name: string;
  /** In an order in which every value is made before it is used. */
  nodes: Node[];
  /** Constants by value name. */
  initializers: Map<string, Tensor>;
  /** As in the file: IR versions below 4 list initializers here too. */
  inputs: ValueInfo[];
  outputs: ValueInfo[];
  /** What is known of values in between, by name. */
  values: Map<string, ValueInfo>;
  /** Sparse constants by value name: each a `SparseTensorProto`. */
  sparse?: ReadonlyMap<string, Uint8Array>;
  kept?: Kept;
}

/** A function that the model itself defines, and a node may call as an operator of its domain. */
export interface ModelFunction {
  readonly domain: string;
  readonly name: string;
  /** The `FunctionProto`. */
  readonly bytes: Uint8Array;
}

export interface Model {
  irVersion: number;
  /** Operator set version by domain; '' is the ONNX domain. */
  opsets: Map<string, number>;
  producer: string;
  producerVersion?: string;
  graph: Graph;
  functions?: readonly ModelFunction[];
  /** Free text by key, for whoever reads the model. */
  metadata?: Map<string, string>;
  kept?: Kept;
}

/**
 * Constants that a caller may give another value: from IR version 4 on those that are inputs too.
 * Where all are, an exporter has kept to the older form, in which they had to be.
 */
export function overridable({ irVersion, graph }: Model): string[] {
  const { inputs, initializers } = graph;
  const listed = inputs.flatMap(({ name }) => (initializers.has(name) ? name : []));
  return irVersion < 4 || listed.length === initializers.size ? [] : listed;
}

/** The inputs a caller must feed: those that no initializer gives. */
export function feeds(graph: Graph): ValueInfo[] {
  return graph.inputs.filter((input) => !graph.initializers.has(input.name));
}
