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
  const producers = new Map<string, Node>();
  const users = new Map<string, Node[]>();
  const names = namesOf(graph);
  const captured = new Set<string>();
  for (const node of graph.nodes) {
    link(node);
    for (const name of capturedBy(node)) captured.add(name);
  }
  const outputs = new Set(graph.outputs.map((output) => output.name));
  let counter = 0;

  function link(node: Node): void {
    for (const output of node.outputs) if (output !== '') producers.set(output, node);
    for (const input of new Set(node.inputs)) use(input, node);
  }
  function use(value: string, node: Node): void {
    if (value === '') return;
    const list = users.get(value);
    if (!list) users.set(value, [node]);
    else if (!list.includes(node)) list.push(node);
  }
  function unuse(value: string, node: Node): void {
    const list = users.get(value);
    if (list && !node.inputs.includes(value)) list.splice(list.indexOf(node), 1);
  }
  function pinned(value: string): boolean {
    return outputs.has(value) || captured.has(value);
  }
  function remove(node: Node): void {
    const at = graph.nodes.indexOf(node);
    if (at >= 0) graph.nodes.splice(at, 1);
    for (const output of node.outputs) if (producers.get(output) === node) producers.delete(output);
    const inputs = new Set(node.inputs);
    node.inputs = [];
    for (const input of inputs) unuse(input, node);
  }
  function setInput(node: Node, index: number, value: string): void {
    const before = node.inputs[index];
    while (node.inputs.length <= index) node.inputs.push('');
    node.inputs[index] = value;
    if (before) unuse(before, node);
    use(value, node);
  }
  function rewire(from: string, to: string): void {
    for (const node of [...(users.get(from) ?? [])]) {
      node.inputs.forEach((input, index) => {
        if (input === from) setInput(node, index, to);
      });
    }
  }
  function fresh(stem: string): string {
    let name = stem;
    while (names.has(name)) {
      counter += 1;
      name = `${stem}__${counter}`;
    }
    names.add(name);
    return name;
  }
  function bypass(node: Node, source: string): boolean {
    const output = node.outputs[0] ?? '';
    if (!pinned(output)) {
      remove(node);
      rewire(output, source);
      return true;
    }
    const maker = producers.get(source);
    // The output keeps its name, so its maker must take the name over.
    if (!maker || pinned(source) || captured.has(output)) return false;
    remove(node);
    maker.outputs[maker.outputs.indexOf(source)] = output;
    producers.delete(source);
    producers.set(output, maker);
    rewire(source, output);
    return true;
  }

  return {
    graph,
    producer: (value) => producers.get(value),
    consumers: (value) => users.get(value) ?? [],
    pinned,
    onlyConsumer(value) {
      const list = users.get(value) ?? [];
      return list.length === 1 && !pinned(value) ? list[0] : undefined;
    },
    constant: (value) => (value ? graph.initializers.get(value) : undefined),
    fresh,
    addConstant(stem, tensor) {
      const name = fresh(stem);
      graph.initializers.set(name, tensor);
      return name;
    },
    setInput,
    insertBefore(place, added) {
      graph.nodes.splice(graph.nodes.indexOf(place), 0, added);
      link(added);
    },
    insertAfter(place, added) {
      graph.nodes.splice(graph.nodes.indexOf(place) + 1, 0, added);
      link(added);
    },
    setOutput(node, index, value) {
      const before = node.outputs[index] ?? '';
      if (producers.get(before) === node) producers.delete(before);
      node.outputs[index] = value;
      producers.set(value, node);
    },
    remove,
    rewire,
    bypass,
  };
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
