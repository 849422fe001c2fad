/** What inspecting asks of a graph again and again. */
import { tensorOf } from '../attributes.ts';
import type { Graph, Model, Node, Tensor, ValueInfo } from '../graph.ts';
import { inferShapes } from '../shapes.ts';
import { usesOf } from '../walk.ts';

export interface View {
  readonly graph: Graph;
  readonly shapes: ReadonlyMap<string, ValueInfo>;
  maker(value: string): Node | undefined;
  /** Nodes that read the value, those too that only do so inside their branches. */
  readers(value: string): readonly Node[];
  isOutput(value: string): boolean;
  /** A value that is the same on every run: an initializer or made of constants by Q/DQ or Cast. */
  constant(value: string | undefined): Tensor | undefined;
}

export function viewOf(model: Model): View {
  const { graph } = model;
  const makers = new Map<string, Node>();
  const readers = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    for (const name of node.outputs) makers.set(name, node);
    for (const name of new Set(usesOf(node))) {
      const list = readers.get(name);
      if (list) list.push(node);
      else readers.set(name, [node]);
    }
  }
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const maker = (value: string) => makers.get(value);
  return {
    graph,
    shapes: inferShapes(model),
    maker,
    readers: (value) => readers.get(value) ?? [],
    isOutput: (value) => outputs.has(value),
    constant: (value) => (value ? constantOf(graph, maker, value) : undefined),
  };
}

/** Nodes that hand a constant on as it is or in another type or order. */
const transparent = new Set(['DequantizeLinear', 'Cast', 'Identity', 'Reshape', 'Transpose']);

function constantOf(
  graph: Graph,
  maker: (value: string) => Node | undefined,
  value: string,
): Tensor | undefined {
  let name = value;
  // A chain longer than the graph would be a cycle, which reading has refused.
  for (let step = 0; step <= graph.nodes.length; step++) {
    const tensor = graph.initializers.get(name);
    if (tensor) return tensor;
    const node = maker(name);
    if (node?.op === 'Constant') return tensorOf(node, 'value');
    if (!node || !transparent.has(node.op)) return undefined;
    name = node.inputs[0] ?? '';
  }
  return undefined;
}
