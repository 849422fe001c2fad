/** Edits a graph in place and always knows who makes and who uses a value. */
import type { Graph, Node, Tensor } from '../onnx/graph.ts';

export interface Rewriter {
  readonly graph: Graph;
  producer(value: string): Node | undefined;
  consumers(value: string): readonly Node[];
  /** A graph output, or used inside a control-flow body: its name must stay and it must exist. */
  pinned(value: string): boolean;
  /** The one consumer of a value that nothing else needs. */
  onlyConsumer(value: string): Node | undefined;
  /** undefined too for a constant that a caller may give another value. */
  constant(value: string | undefined): Tensor | undefined;
  /** A name that no value and no node of the graph has. */
  fresh(stem: string): string;
  addConstant(stem: string, tensor: Tensor): string;
  setInput(node: Node, index: number, value: string): void;
  /** Inserts `added` before the node that stands at the place. */
  insertBefore(place: Node, added: Node): void;
  insertAfter(place: Node, added: Node): void;
  setOutput(node: Node, index: number, value: string): void;
  /** Takes the node out; who used its outputs must have been rewired before. */
  remove(node: Node): void;
  /** Every use of `from` becomes a use of `to`; not for pinned values. */
  rewire(from: string, to: string): void;
  /**
   * Takes out a node that only hands `source` on as its first output, also where that output is
   * a graph output. False where names forbid it (an input that is an output).
   */
  bypass(node: Node, source: string): boolean;
}

export function rewriterOf(graph: Graph): Rewriter {
  const index = indexOf(graph);
  const given = new Set(graph.inputs.map(({ name }) => name));
  const pinned = (value: string) => index.outputs.has(value) || index.captured.has(value);
  const usersOf = (value: string) => index.users.get(value) ?? [];
  const insertAt = (at: number, added: Node) => {
    graph.nodes.splice(at, 0, added);
    link(index, added);
  };
  return {
    graph,
    pinned,
    producer: (value) => index.producers.get(value),
    consumers: usersOf,
    onlyConsumer: (value) =>
      usersOf(value).length === 1 && !pinned(value) ? usersOf(value)[0] : undefined,
    constant: (value) => (value && !given.has(value) ? graph.initializers.get(value) : undefined),
    fresh: (stem) => fresh(index, stem),
    addConstant(stem, tensor) {
      const name = fresh(index, stem);
      graph.initializers.set(name, tensor);
      return name;
    },
    setInput: (node, at, value) => setInput(index, { node, at, value }),
    insertBefore: (place, added) => insertAt(graph.nodes.indexOf(place), added),
    insertAfter: (place, added) => insertAt(graph.nodes.indexOf(place) + 1, added),
    setOutput(node, at, value) {
      const before = node.outputs[at] ?? '';
      if (index.producers.get(before) === node) index.producers.delete(before);
      node.outputs[at] = value;
      index.producers.set(value, node);
    },
    remove: (node) => remove(index, node),
    rewire: (from, to) => rewire(index, from, to),
    bypass: (node, source) => bypass(index, node, source),
  };
}

interface Index {
  readonly graph: Graph;
  readonly producers: Map<string, Node>;
  readonly users: Map<string, Node[]>;
  readonly names: Set<string>;
  /** Values that the bodies of control-flow nodes use. */
  readonly captured: ReadonlySet<string>;
  readonly outputs: ReadonlySet<string>;
  /** The last number given to a name that was taken. */
  counter: number;
}

function indexOf(graph: Graph): Index {
  const index: Index = {
    graph,
    producers: new Map(),
    users: new Map(),
    names: namesOf(graph),
    captured: new Set(graph.nodes.flatMap((node) => [...capturedBy(node)])),
    outputs: new Set(graph.outputs.map((output) => output.name)),
    counter: 0,
  };
  for (const node of graph.nodes) link(index, node);
  return index;
}

function link(index: Index, node: Node): void {
  for (const output of node.outputs) if (output !== '') index.producers.set(output, node);
  for (const input of new Set(node.inputs)) use(index, input, node);
}

function use({ users }: Index, value: string, node: Node): void {
  if (value === '') return;
  const list = users.get(value);
  if (!list) users.set(value, [node]);
  else if (!list.includes(node)) list.push(node);
}

function unuse({ users }: Index, value: string, node: Node): void {
  const list = users.get(value);
  if (list && !node.inputs.includes(value)) list.splice(list.indexOf(node), 1);
}

function remove(index: Index, node: Node): void {
  const { graph, producers } = index;
  const at = graph.nodes.indexOf(node);
  if (at >= 0) graph.nodes.splice(at, 1);
  for (const output of node.outputs) if (producers.get(output) === node) producers.delete(output);
  const inputs = new Set(node.inputs);
  node.inputs = [];
  for (const input of inputs) unuse(index, input, node);
}

function setInput(
  index: Index,
  { node, at, value }: { node: Node; at: number; value: string },
): void {
  const before = node.inputs[at];
  while (node.inputs.length <= at) node.inputs.push('');
  node.inputs[at] = value;
  if (before) unuse(index, before, node);
  use(index, value, node);
}

function rewire(index: Index, from: string, to: string): void {
  for (const node of [...(index.users.get(from) ?? [])]) {
    node.inputs.forEach((input, at) => {
      if (input === from) setInput(index, { node, at, value: to });
    });
  }
}

function fresh(index: Index, stem: string): string {
  let name = stem;
  while (index.names.has(name)) {
    index.counter += 1;
    name = `${stem}__${index.counter}`;
  }
  index.names.add(name);
  return name;
}

function bypass(index: Index, node: Node, source: string): boolean {
  const { producers, captured, outputs } = index;
  const output = node.outputs[0] ?? '';
  if (!outputs.has(output) && !captured.has(output)) {
    remove(index, node);
    rewire(index, output, source);
    return true;
  }
  const maker = producers.get(source);
  // The output keeps its name, so its maker must take the name over.
  const fixed = outputs.has(source) || captured.has(source) || captured.has(output);
  if (!maker || fixed) return false;
  remove(index, node);
  maker.outputs[maker.outputs.indexOf(source)] = output;
  producers.delete(source);
  producers.set(output, maker);
  rewire(index, source, output);
  return true;
}

function namesOf(graph: Graph): Set<string> {
  const names = new Set<string>();
  for (const value of [...graph.inputs, ...graph.outputs]) names.add(value.name);
  for (const name of [...graph.initializers.keys(), ...graph.values.keys()]) names.add(name);
  for (const node of graph.nodes) {
    names.add(node.name);
    for (const name of [...node.inputs, ...node.outputs]) names.add(name);
    for (const attribute of node.attributes.values()) {
      if (attribute.kind === 'graph') for (const name of namesOf(attribute.value)) names.add(name);
    }
  }
  return names;
}

/** Values of the outer graph that the bodies of a control-flow node use. */
function capturedBy(node: Node): Set<string> {
  const captured = new Set<string>();
  for (const attribute of node.attributes.values()) {
    if (attribute.kind !== 'graph') continue;
    const body = attribute.value;
    const made = new Set([
      ...body.inputs.map((input) => input.name),
      ...body.initializers.keys(),
      ...body.nodes.flatMap((inner) => inner.outputs),
    ]);
    const used = body.nodes.flatMap((inner) => [...inner.inputs, ...capturedBy(inner)]);
    for (const name of [...used, ...body.outputs.map((output) => output.name)]) {
      if (name !== '' && !made.has(name)) captured.add(name);
    }
  }
  return captured;
}
