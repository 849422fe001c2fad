/**
 * A model without what only people read: documentation strings and the metadata that exporters
 * leave, file paths of theirs among it. The numbers are field numbers of onnx.proto.
 */
import type { Attribute, Graph, Kept, Model, Node, Tensor, ValueInfo } from '../onnx/graph.ts';

/** `doc_string` and `metadata_props` of each message. */
const texts = {
  model: [6],
  graph: [10, 16],
  node: [6, 9],
  value: [3, 4],
  tensor: [12, 16],
  attribute: [13],
} as const;

/** A new model, whose nodes and lists are its own; constants are shared. */
export function withoutText({ metadata: _, ...model }: Model): Model {
  return { ...without(model, texts.model), graph: graphWithout(model.graph) };
}

function graphWithout(graph: Graph): Graph {
  const tensors = [...graph.initializers].map(([name, tensor]): [string, Tensor] => [
    name,
    without(tensor, texts.tensor),
  ]);
  const valueWithout = (value: ValueInfo) => without(value, texts.value);
  const values = [...graph.values].map(([name, value]): [string, ValueInfo] => [
    name,
    valueWithout(value),
  ]);
  return {
    ...without(graph, texts.graph),
    nodes: graph.nodes.map(nodeWithout),
    initializers: new Map(tensors),
    inputs: graph.inputs.map(valueWithout),
    outputs: graph.outputs.map(valueWithout),
    values: new Map(values),
  };
}

function nodeWithout(node: Node): Node {
  const attributes = [...node.attributes].map(([name, attribute]): [string, Attribute] => [
    name,
    attributeWithout(attribute),
  ]);
  const { inputs, outputs } = node;
  const own = { inputs: [...inputs], outputs: [...outputs], attributes: new Map(attributes) };
  return { ...without(node, texts.node), ...own };
}

function attributeWithout(attribute: Attribute): Attribute {
  const bare = without(attribute, texts.attribute);
  if (bare.kind === 'graph') return { ...bare, value: graphWithout(bare.value) };
  return bare.kind === 'tensor' ? { ...bare, value: without(bare.value, texts.tensor) } : bare;
}

function without<T extends { readonly kept?: Kept }>(message: T, numbers: readonly number[]): T {
  if (message.kept === undefined) return message;
  return { ...message, kept: message.kept.filter((field) => !numbers.includes(numberOf(field))) };
}

/** The field's number: its tag is a varint, the lowest three bits of which are the wire type. */
function numberOf(field: Uint8Array): number {
  let [tag, factor] = [0, 1];
  for (const byte of field) {
    tag += (byte & 127) * factor;
    if (byte < 128) break;
    factor *= 128;
  }
  return Math.floor(tag / 8);
}
