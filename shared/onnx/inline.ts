/**
 * Functions that a model defines (`FunctionProto`, onnx.proto), written out where they are called:
 * what a function holds can then be seen and rewritten like any other node.
 */

import { addOpset, decodeGraph, decodeNode } from './decode.ts';
import { decodeAttribute, functionAttributeOf } from './decode-attribute.ts';
import type { Attribute, Graph, Model, ModelFunction, Node } from './graph.ts';
import { allGraphs } from './walk.ts';
import { bytesOf, type Reading, readFields, startReading, textOf } from './wire.ts';

export interface Inlined {
  readonly model: Model;
  /** Why the functions stay as they are: one sentence; null where none is left. */
  readonly refused: string | null;
}

/** Functions call functions, never themselves; what nests deeper is hostile. */
const depthMax = 30;
/** A few calls of each other can stand for any number of nodes. */
const nodesMax = 100_000;

/** A new model that computes the same; the given one is not changed. */
export function inlineFunctions(model: Model): Inlined {
  const { functions = [] } = model;
  if (functions.length === 0) return { model, refused: null };
  const bodies = new Map(functions.map((one) => [keyOf(one.domain, one.name), bodyOf(one)]));
  const opsets = new Map(model.opsets);
  if (bodies.size < functions.length) return { model, refused: 'two of them have one name' };
  for (const [key, body] of bodies) {
    const refused = whyNot(key, body, opsets);
    if (refused !== undefined) return { model, refused };
  }
  const state: State = { bodies, names: namesIn(model.graph), left: nodesMax };
  const graph = inlineGraph(model.graph, state, 0);
  if (graph === null) return { model, refused: 'their calls nest too deep or become too many' };
  const { functions: _, ...rest } = model;
  return { model: { ...rest, opsets, graph }, refused: null };
}

interface Body {
  readonly inputs: string[];
  readonly outputs: string[];
  readonly nodes: Node[];
  readonly defaults: Map<string, Attribute>;
  readonly opsets: Map<string, number>;
  readonly reading: Reading;
}

interface State {
  readonly bodies: ReadonlyMap<string, Body>;
  /** Every name in use. */
  readonly names: Set<string>;
  /** Nodes that may still be written. */
  left: number;
}

function keyOf(domain: string, name: string): string {
  return `${domain}:${name}`;
}

function bodyOf({ name, bytes }: ModelFunction): Body {
  const reading = startReading(`function ${name}`);
  const body: Body = {
    ...{ inputs: [], outputs: [], nodes: [] },
    ...{ defaults: new Map(), opsets: new Map(), reading },
  };
  readFields(reading, bytes, (field) => {
    if (field.number === 4) body.inputs.push(textOf(reading, field));
    else if (field.number === 5) body.outputs.push(textOf(reading, field));
    else if (field.number === 7) body.nodes.push(decodeNode(reading, bytesOf(reading, field), 1));
    else if (field.number === 9) addOpset(reading, field, body.opsets);
    else if (field.number === 11) {
      const nested = (message: Uint8Array) => decodeGraph(reading, message, 2);
      const { name: own, attribute } = decodeAttribute(reading, bytesOf(reading, field), nested);
      body.defaults.set(own, attribute);
    }
    return true;
  });
  return body;
}

const emptyGraph: Graph = {
  ...{ name: '', nodes: [], inputs: [], outputs: [] },
  ...{ initializers: new Map(), values: new Map() },
};

/** Adds what the body imports and the model does not. */
function whyNot(key: string, body: Body, opsets: Map<string, number>): string | undefined {
  for (const [domain, version] of body.opsets) {
    const own = opsets.get(domain) ?? version;
    if (own !== version) return `${key} is written for opset ${version}, the model for ${own}`;
    opsets.set(domain, version);
  }
  return undefined;
}

/** null where it would be too much. */
function inlineGraph(graph: Graph, state: State, depth: number): Graph | null {
  const nodes: Node[] = [];
  for (const node of graph.nodes) {
    const written = inlineNode(node, state, depth);
    if (written === null) return null;
    for (const one of written) nodes.push(one);
  }
  return { ...graph, nodes };
}

function inlineNode(node: Node, state: State, depth: number): Node[] | null {
  state.left -= 1;
  if (depth > depthMax || state.left < 0) return null;
  const body = state.bodies.get(keyOf(node.domain, node.op));
  if (body) {
    const call = inlineGraph(
      { ...emptyGraph, nodes: written(node, body, state) },
      state,
      depth + 1,
    );
    return call?.nodes ?? null;
  }
  const attributes = new Map<string, Attribute>();
  for (const [name, attribute] of node.attributes) {
    const value =
      attribute.kind === 'graph' ? inlineGraph(attribute.value, state, depth + 1) : null;
    if (attribute.kind === 'graph' && value === null) return null;
    attributes.set(name, value ? { ...attribute, kind: 'graph', value } : attribute);
  }
  return [{ ...node, attributes }];
}

/** The nodes of a function as they stand for one call of it. */
function written(call: Node, body: Body, state: State): Node[] {
  const stem = call.name || (call.outputs.find((name) => name !== '') ?? call.op);
  const values = new Map<string, string>([['', '']]);
  body.inputs.forEach((name, at) => {
    values.set(name, call.inputs[at] ?? '');
  });
  const copies: Node[] = [];
  body.outputs.forEach((name, at) => {
    const output = call.outputs[at] ?? '';
    if (output === '') return;
    if (!values.has(name)) values.set(name, output);
    else copies.push(identity(values.get(name) ?? '', output, `${stem}/copy${at}`));
  });
  const nameOf = (name: string): string => {
    const known = values.get(name) ?? fresh(`${stem}/${name}`, state.names);
    values.set(name, known);
    return known;
  };
  const nodes = body.nodes.map((node) => renamed(node, { call, body, stem, nameOf }));
  return [...nodes, ...copies];
}

interface Naming {
  readonly call: Node;
  readonly body: Body;
  readonly stem: string;
  nameOf(name: string): string;
}

function renamed(node: Node, naming: Naming): Node {
  const { call, body, stem, nameOf } = naming;
  const attributes = new Map<string, Attribute>();
  for (const [name, attribute] of node.attributes) {
    const referred =
      attribute.kind === 'kept' ? functionAttributeOf(attribute.value, body.reading) : null;
    const given =
      referred === null
        ? attribute
        : (call.attributes.get(referred) ?? body.defaults.get(referred));
    if (given?.kind !== 'graph' || referred !== null) {
      if (given) attributes.set(name, given);
    } else attributes.set(name, { ...given, value: renamedGraph(given.value, naming) });
  }
  const [inputs, outputs] = [node.inputs.map(nameOf), node.outputs.map(nameOf)];
  return { ...node, name: node.name && `${stem}/${node.name}`, inputs, outputs, attributes };
}

function renamedGraph(graph: Graph, naming: Naming): Graph {
  const { nameOf } = naming;
  const entries = <T>(map: ReadonlyMap<string, T>) =>
    new Map([...map].map(([name, value]) => [nameOf(name), value]));
  const infos = (values: Graph['inputs']) =>
    values.map((value) => ({ ...value, name: nameOf(value.name) }));
  return {
    ...graph,
    nodes: graph.nodes.map((node) => renamed(node, naming)),
    initializers: entries(graph.initializers),
    inputs: infos(graph.inputs),
    outputs: infos(graph.outputs),
    values: new Map(),
  };
}

function identity(input: string, output: string, name: string): Node {
  const io = { inputs: [input], outputs: [output], attributes: new Map() };
  return { name, op: 'Identity', domain: '', ...io };
}

function fresh(stem: string, names: Set<string>): string {
  let name = stem;
  for (let count = 2; names.has(name); count += 1) name = `${stem}#${count}`;
  names.add(name);
  return name;
}

function namesIn(graph: Graph): Set<string> {
  const names = new Set<string>();
  for (const { inputs, outputs, initializers, nodes } of allGraphs(graph)) {
    for (const { name } of [...inputs, ...outputs]) names.add(name);
    for (const name of initializers.keys()) names.add(name);
    for (const node of nodes) for (const name of [...node.inputs, ...node.outputs]) names.add(name);
  }
  return names;
}
