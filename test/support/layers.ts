/** Pieces of small models: constants without a pattern, and layers that use them. */
import type { Attribute, Node, Tensor } from '../../shared/onnx/graph.ts';
import { floats, nodeOf } from './graphs.ts';

type Attributes = (readonly [string, Attribute])[];

/** Numbers in which a mistake in an index could not hide. */
export function wave(dims: readonly number[], phase = 0, size = 0.4): Tensor {
  const count = dims.reduce((product, dim) => product * dim, 1);
  return floats(
    dims,
    Array.from({ length: count }, (_, i) => size * Math.sin(1.7 * i + 0.3 * i * i + phase)),
  );
}

/** `values` are its inputs and outputs, `x w > y`; `-` is an input left out. */
export function node(op: string, values: string, ...attributes: Attributes): Node {
  const [inputs = [], outputs = []] = values
    .split(' > ')
    .map((list) => list.split(' ').map((name) => (name === '-' ? '' : name)));
  return nodeOf(op, { inputs, outputs }, ...attributes);
}

export function one(value: number): Attribute {
  return { kind: 'int', value };
}

export function text(value: string): Attribute {
  return { kind: 'string', value };
}
