/** Makes nodes and their attributes. */
import type { Attribute, Node } from '../onnx/graph.ts';

export function int(value: number): Attribute {
  return { kind: 'int', value };
}

export function ints(value: readonly number[]): Attribute {
  return { kind: 'ints', value };
}

export function float(value: number): Attribute {
  return { kind: 'float', value };
}

export function string(value: string): Attribute {
  return { kind: 'string', value };
}

/** A node of the ONNX domain. */
export function makeNode(
  op: string,
  name: string,
  io: { inputs: string[]; outputs: string[]; attributes?: Record<string, Attribute> },
): Node {
  return {
    name,
    op,
    domain: '',
    inputs: io.inputs,
    outputs: io.outputs,
    attributes: new Map(Object.entries(io.attributes ?? {})),
  };
}
