/** Small models for tests, written out as they are read. */
import type {
  Attribute,
  Dimension,
  ElementType,
  Graph,
  Model,
  Node,
  Tensor,
  ValueInfo,
} from '../../shared/onnx/graph.ts';

export function modelOf(graph: Graph, opset = 17): Model {
  return { irVersion: 8, opsets: new Map([['', opset]]), producer: 'test', graph };
}

interface Parts {
  readonly nodes: Node[];
  readonly inputs?: readonly ValueInfo[];
  readonly outputs: readonly string[];
  readonly initializers?: Readonly<Record<string, Tensor>>;
}

export function graphOf({ nodes, inputs = [], outputs, initializers = {} }: Parts): Graph {
  return {
    name: 'test',
    nodes,
    inputs: [...inputs],
    outputs: outputs.map((name) => ({ name, type: null, dims: null })),
    initializers: new Map(Object.entries(initializers)),
    values: new Map(),
  };
}

export function nodeOf(
  op: string,
  { inputs, outputs }: Pick<Node, 'inputs' | 'outputs'>,
  ...attributes: (readonly [string, Attribute])[]
): Node {
  return { name: '', op, domain: '', inputs, outputs, attributes: new Map(attributes) };
}

export function valueNamed(
  name: string,
  dims: readonly Dimension[],
  type: ElementType = 'float',
): ValueInfo {
  return { name, type, dims };
}

export function floats(dims: readonly number[], values: readonly number[]): Tensor {
  return { type: 'float', dims, bytes: new Uint8Array(Float32Array.from(values).buffer) };
}

export function zeros(dims: readonly number[]): Tensor {
  const count = dims.reduce((product, size) => product * size, 1);
  return { type: 'float', dims, bytes: new Uint8Array(count * 4) };
}

export function int64s(values: readonly number[]): Tensor {
  const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  return { type: 'int64', dims: [values.length], bytes };
}

export function ints(...value: number[]): Attribute {
  return { kind: 'ints', value };
}
