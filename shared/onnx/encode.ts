/**
 * A `Model` as a `ModelProto` (onnx.proto; the numbers are its field numbers), fields in ascending
 * order.
 */
import { attributeKinds } from './decode-attribute.ts';
import {
  type Attribute,
  type Dimension,
  type ElementType,
  elementTypes,
  type Graph,
  type Kept,
  type Model,
  type Node,
  type Tensor,
  type ValueInfo,
} from './graph.ts';
import { encode, type Sink } from './sink.ts';

/** Throws `TOO_LARGE` from 2 GiB. The same model always gives the same bytes. */
export function encodeModel(model: Model): Uint8Array<ArrayBuffer> {
  return encode('the ONNX model', (sink) => putModel(sink, model));
}

function putModel(sink: Sink, model: Model): void {
  sink.varint(1, model.irVersion);
  putText(sink, 2, model.producer);
  putText(sink, 3, model.producerVersion ?? '');
  sink.message(7, () => putGraph(sink, model.graph));
  for (const [domain, version] of model.opsets) {
    sink.message(8, () => {
      putText(sink, 1, domain);
      sink.varint(2, version);
    });
  }
  for (const entry of model.metadata ?? []) sink.message(14, () => putEntry(sink, entry));
  for (const { bytes } of model.functions ?? []) sink.bytes(25, bytes);
  putKept(sink, model.kept);
}

function putText(sink: Sink, field: number, text: string): void {
  if (text !== '') sink.text(field, text);
}

function putEntry(sink: Sink, [key, value]: readonly [string, string]): void {
  sink.text(1, key);
  sink.text(2, value);
}

function putKept(sink: Sink, kept: Kept | undefined): void {
  for (const field of kept ?? []) sink.raw(field);
}

function putGraph(sink: Sink, graph: Graph): void {
  for (const node of graph.nodes) sink.message(1, () => putNode(sink, node));
  putText(sink, 2, graph.name);
  for (const [name, tensor] of graph.initializers) {
    sink.message(5, () => putTensor(sink, tensor, name));
  }
  for (const input of graph.inputs) sink.message(11, () => putValueInfo(sink, input));
  for (const output of graph.outputs) sink.message(12, () => putValueInfo(sink, output));
  for (const value of graph.values.values()) sink.message(13, () => putValueInfo(sink, value));
  for (const bytes of graph.sparse?.values() ?? []) sink.bytes(15, bytes);
  putKept(sink, graph.kept);
}

function putNode(sink: Sink, node: Node): void {
  for (const input of node.inputs) sink.text(1, input);
  for (const output of node.outputs) sink.text(2, output);
  putText(sink, 3, node.name);
  sink.text(4, node.op);
  for (const [name, attribute] of node.attributes) {
    sink.message(5, () => putAttribute(sink, name, attribute));
  }
  putText(sink, 7, node.domain);
  putKept(sink, node.kept);
}

function putAttribute(sink: Sink, name: string, attribute: Attribute): void {
  sink.text(1, name);
  if (attribute.kind === 'kept') {
    putKept(sink, attribute.value);
    return;
  }
  putAttributeValue(sink, attribute);
  sink.varint(20, attributeKinds[attribute.kind].code);
  putKept(sink, attribute.kept);
}

function putAttributeValue(sink: Sink, attribute: Exclude<Attribute, { kind: 'kept' }>): void {
  const { field } = attributeKinds[attribute.kind];
  switch (attribute.kind) {
    case 'float':
      sink.float(field, attribute.value);
      break;
    case 'int':
      sink.varint(field, attribute.value);
      break;
    case 'string':
      sink.text(field, attribute.value);
      break;
    case 'tensor':
      sink.message(field, () => putTensor(sink, attribute.value, ''));
      break;
    case 'graph':
      sink.message(field, () => putGraph(sink, attribute.value));
      break;
    case 'floats':
      for (const value of attribute.value) sink.float(field, value);
      break;
    case 'ints':
      for (const value of attribute.value) sink.varint(field, value);
      break;
    case 'strings':
      for (const value of attribute.value) sink.text(field, value);
      break;
  }
}

function putTensor(sink: Sink, tensor: Tensor, name: string): void {
  for (const size of tensor.dims) sink.varint(1, size);
  sink.varint(2, elementTypes[tensor.type].code);
  for (const text of tensor.strings ?? []) sink.bytes(6, text);
  putText(sink, 8, name);
  if (tensor.external) {
    for (const entry of tensor.external) sink.message(13, () => putEntry(sink, entry));
    sink.varint(14, 1);
  } else if (tensor.type !== 'string') {
    sink.bytes(9, tensor.bytes);
  }
  putKept(sink, tensor.kept);
}

function putValueInfo(sink: Sink, value: ValueInfo): void {
  sink.text(1, value.name);
  const { type, dims } = value;
  if (value.otherType) sink.bytes(2, value.otherType);
  else if (type) sink.message(2, () => sink.message(1, () => putTensorType(sink, type, dims)));
  putKept(sink, value.kept);
}

function putTensorType(sink: Sink, type: ElementType, dims: readonly Dimension[] | null): void {
  sink.varint(1, elementTypes[type].code);
  if (dims) sink.message(2, () => putShape(sink, dims));
}

function putShape(sink: Sink, dims: readonly Dimension[]): void {
  for (const dimension of dims) {
    sink.message(1, () => {
      if (typeof dimension === 'number') sink.varint(1, dimension);
      else if (dimension !== null) sink.text(2, dimension);
    });
  }
}
