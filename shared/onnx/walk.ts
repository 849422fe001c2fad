/**
 * Ways through a graph and the graphs inside its nodes (the branches of If, the bodies of Loop and
 * Scan).
 */
import type { Graph, Node, Tensor } from './graph.ts';

/** The graphs that a node holds as attributes. */
export function subgraphsOf(node: Node): Graph[] {
  const graphs: Graph[] = [];
  for (const attribute of node.attributes.values()) {
    if (attribute.kind === 'graph') graphs.push(attribute.value);
  }
  return graphs;
}

/** The graph and every graph inside it. */
export function* allGraphs(graph: Graph): Generator<Graph> {
  yield graph;
  for (const node of graph.nodes) {
    for (const inner of subgraphsOf(node)) yield* allGraphs(inner);
  }
}

/** Every node, those of inner graphs too. */
export function* allNodes(graph: Graph): Generator<Node> {
  for (const each of allGraphs(graph)) yield* each.nodes;
}

export interface TensorPlace {
  /** For messages: the initializer's or the node's name. */
  readonly where: string;
  readonly tensor: Tensor;
  replace(tensor: Tensor): void;
}

/** Every constant: initializers and tensors in attributes. They may be replaced on the way. */
export function* allTensors(graph: Graph): Generator<TensorPlace> {
  for (const { initializers, nodes } of allGraphs(graph)) {
    for (const [name, tensor] of initializers) {
      const replace = (other: Tensor) => void initializers.set(name, other);
      yield { where: `initializer "${name}"`, tensor, replace };
    }
    for (const node of nodes) yield* tensorsOf(node);
  }
}

function* tensorsOf(node: Node): Generator<TensorPlace> {
  for (const [name, attribute] of node.attributes) {
    if (attribute.kind !== 'tensor') continue;
    const replace = (value: Tensor) => void node.attributes.set(name, { ...attribute, value });
    yield { where: `${name} of ${nodeLabel(node)}`, tensor: attribute.value, replace };
  }
}

/** How messages name a node: many exporters give nodes no name. */
export function nodeLabel(node: Node): string {
  return node.name === ''
    ? `${node.op} making "${node.outputs[0] ?? ''}"`
    : `${node.op} "${node.name}"`;
}

/**
 * The values of the enclosing graph that a node reads: its inputs, and what its inner graphs
 * capture.
 */
export function usesOf(node: Node): string[] {
  const uses = node.inputs.filter((name) => name !== '');
  for (const inner of subgraphsOf(node)) for (const name of captures(inner)) uses.push(name);
  return uses;
}

/** The names that a graph reads and does not make. */
export function captures(graph: Graph): Set<string> {
  const own = new Set<string>(graph.inputs.map((input) => input.name));
  for (const name of graph.initializers.keys()) own.add(name);
  for (const name of graph.sparse?.keys() ?? []) own.add(name);
  for (const node of graph.nodes) for (const name of node.outputs) own.add(name);
  const captured = new Set<string>();
  const read = (name: string) => {
    if (!own.has(name)) captured.add(name);
  };
  for (const node of graph.nodes) for (const name of usesOf(node)) read(name);
  for (const output of graph.outputs) read(output.name);
  return captured;
}
