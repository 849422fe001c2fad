/**
 * `ModelProto` and what it holds (onnx.proto of ONNX 1.19; the numbers are its field numbers) as
 * plain objects.
 */
import { decodeAttribute } from './decode-attribute.ts';
import { decodeEntry, decodeTensor } from './decode-tensor.ts';
import { decodeValueInfo } from './decode-value.ts';
import type { Attribute, Graph, Model, ModelFunction, Node, Tensor } from './graph.ts';
import {
  bytesOf,
  type Field,
  invalid,
  numberOf,
  type Reading,
  readFields,
  startReading,
  textOf,
} from './wire.ts';

/**
 * Control flow nested deeper than this is hostile; protobuf itself stops at 100 messages, three a
 * graph.
 */
const maxGraphDepth = 30;

/**
 * Throws `ONNX_INVALID` and `ONNX_UNSUPPORTED`. The bytes must not change while the model is in
 * use.
 */
export function decodeModel(path: string, bytes: Uint8Array): Model {
  const reading = startReading(path);
  const opsets = new Map<string, number>();
  const metadata = new Map<string, string>();
  const functions: ModelFunction[] = [];
  const model = { irVersion: 0, producer: '', producerVersion: '' };
  let graphBytes: Uint8Array | null = null;
  const kept = readFields(reading, bytes, (field) => {
    if (field.number === 7) graphBytes = bytesOf(reading, field);
    else if (field.number === 8) addOpset(reading, field, opsets);
    else if (field.number === 14) metadata.set(...decodeEntry(reading, bytesOf(reading, field)));
    else if (field.number === 25) functions.push(decodeFunction(reading, field));
    else return gatherModel(reading, model, field);
    return true;
  });
  if (!graphBytes) throw invalid(reading, 'it holds no graph');
  return {
    ...model,
    opsets,
    graph: decodeGraph(reading, graphBytes, 1),
    ...(functions.length > 0 && { functions }),
    ...(metadata.size > 0 && { metadata }),
    ...(kept && { kept }),
  };
}

function gatherModel(
  reading: Reading,
  model: { irVersion: number; producer: string; producerVersion: string },
  field: Field,
): boolean {
  if (field.number === 1) model.irVersion = numberOf(reading, field);
  else if (field.number === 2) model.producer = textOf(reading, field);
  else if (field.number === 3) model.producerVersion = textOf(reading, field);
  else return false;
  return true;
}

/** `ai.onnx` is another name of the ONNX domain. */
function domainOf(name: string): string {
  return name === 'ai.onnx' ? '' : name;
}

export function addOpset(reading: Reading, field: Field, opsets: Map<string, number>): void {
  let domain = '';
  let version = 0;
  readFields(reading, bytesOf(reading, field), (part) => {
    if (part.number === 1) domain = domainOf(textOf(reading, part));
    else if (part.number === 2) version = numberOf(reading, part);
    return true;
  });
  const before = opsets.get(domain) ?? version;
  if (before !== version) {
    throw invalid(reading, `it imports opset ${before} and opset ${version} of one domain`);
  }
  opsets.set(domain, version);
}

function decodeFunction(reading: Reading, field: Field): ModelFunction {
  const bytes = bytesOf(reading, field);
  let name = '';
  let domain = '';
  readFields(reading, bytes, (part) => {
    if (part.number === 1) name = textOf(reading, part);
    else if (part.number === 10) domain = domainOf(textOf(reading, part));
    return true;
  });
  return { domain, name, bytes };
}

export function decodeGraph(reading: Reading, bytes: Uint8Array, depth: number): Graph {
  if (depth > maxGraphDepth) throw invalid(reading, `graphs nest deeper than ${maxGraphDepth}`);
  const sparse = new Map<string, Uint8Array>();
  const graph: Graph = {
    name: '',
    nodes: [],
    initializers: new Map(),
    inputs: [],
    outputs: [],
    values: new Map(),
  };
  const kept = readFields(reading, bytes, (field) => {
    if (field.number === 15) addSparse(reading, bytesOf(reading, field), sparse);
    else return gatherGraph(reading, graph, { field, depth });
    return true;
  });
  return { ...graph, ...(sparse.size > 0 && { sparse }), ...(kept && { kept }) };
}

function gatherGraph(
  reading: Reading,
  graph: Graph,
  { field, depth }: { field: Field; depth: number },
): boolean {
  switch (field.number) {
    case 1:
      graph.nodes.push(decodeNode(reading, bytesOf(reading, field), depth));
      return true;
    case 2:
      graph.name = textOf(reading, field);
      return true;
    case 5: {
      const { name, tensor } = decodeTensor(reading, bytesOf(reading, field));
      addOnce<Tensor>(reading, graph.initializers, { name, value: tensor, what: 'initializer' });
      return true;
    }
    case 11:
      graph.inputs.push(decodeValueInfo(reading, bytesOf(reading, field)));
      return true;
    case 12:
      graph.outputs.push(decodeValueInfo(reading, bytesOf(reading, field)));
      return true;
    case 13: {
      const value = decodeValueInfo(reading, bytesOf(reading, field));
      graph.values.set(value.name, value);
      return true;
    }
    default:
      return false;
  }
}

/** A `SparseTensorProto`: the name of the constant is that of its `values`. */
function addSparse(reading: Reading, bytes: Uint8Array, sparse: Map<string, Uint8Array>): void {
  let name = '';
  readFields(reading, bytes, (field) => {
    if (field.number === 1) name = decodeTensor(reading, bytesOf(reading, field)).name;
    return true;
  });
  addOnce(reading, sparse, { name, value: bytes, what: 'sparse initializer' });
}

function addOnce<T>(
  reading: Reading,
  map: Map<string, T>,
  { name, value, what }: { name: string; value: T; what: string },
): void {
  if (map.has(name)) throw invalid(reading, `there are two ${what}s named "${name}"`);
  map.set(name, value);
}

export function decodeNode(reading: Reading, bytes: Uint8Array, depth: number): Node {
  const attributes = new Map<string, Attribute>();
  const node: Node = { name: '', op: '', domain: '', inputs: [], outputs: [], attributes };
  const nested = (message: Uint8Array) => decodeGraph(reading, message, depth + 1);
  const kept = readFields(reading, bytes, (field) => {
    if (field.number === 5) {
      const { name, attribute } = decodeAttribute(reading, bytesOf(reading, field), nested);
      addOnce(reading, attributes, { name, value: attribute, what: 'attribute' });
    } else return gatherNode(reading, node, field);
    return true;
  });
  return kept ? { ...node, kept } : node;
}

function gatherNode(reading: Reading, node: Node, field: Field): boolean {
  switch (field.number) {
    case 1:
      node.inputs.push(textOf(reading, field));
      return true;
    case 2:
      node.outputs.push(textOf(reading, field));
      return true;
    case 3:
      node.name = textOf(reading, field);
      return true;
    case 4:
      node.op = textOf(reading, field);
      return true;
    case 7:
      node.domain = domainOf(textOf(reading, field));
      return true;
    default:
      return false;
  }
}
