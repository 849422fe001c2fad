/** What inspecting asks of a graph again and again. */
import { tensorOf } from '../attributes.ts';
import type { Graph, Model, Node, Tensor, ValueInfo } from '../graph.ts';
import type { ConstantOf } from '../layers.ts';
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
  /** Type and shape of such a value as nodes read it. */
  readonly constantInfo: ConstantOf;
}

export function viewOf(model: Model): View {
  const { graph } = model;
  const makers = new Map<string, Node>();
  const readers = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    for (const name of node.outputs) if (name !== '') makers.set(name, node);
    for (const name of new Set(usesOf(node))) {
      const list = readers.get(name);
      if (list) list.push(node);
      else readers.set(name, [node]);
    }
  }
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const maker = (value: string) => makers.get(value);
  const search: Search = { graph, maker, found: new Map() };
  const shapes = inferShapes(model);
  const constant = (value: string | undefined) => (value ? constantOf(search, value) : undefined);
  return {
    graph,
    shapes,
    maker,
    readers: (value) => readers.get(value) ?? [],
    isOutput: (value) => outputs.has(value),
    constant,
    constantInfo: (value) => {
      const tensor = constant(value);
      return tensor && (shapes.get(value ?? '') ?? tensor);
    },
  };
}

interface Search {
  readonly graph: Graph;
  readonly maker: View['maker'];
  /** Answers so far by value name. */
  readonly found: Map<string, Tensor | undefined>;
}

/** Nodes that hand a constant on as it is or in another type or order. */
const transparent = new Set(['DequantizeLinear', 'Cast', 'Identity', 'Reshape', 'Transpose']);

function constantOf({ graph, maker, found }: Search, value: string): Tensor | undefined {
  let name = value;
  // Each value of a chain is asked for once: a hostile file may hold a very long one.
  const asked: string[] = [];
  const remember = (tensor: Tensor | undefined) => {
    for (const each of asked) found.set(each, tensor);
    return tensor;
  };
  for (;;) {
    if (found.has(name)) return remember(found.get(name));
    asked.push(name);
    const tensor = graph.initializers.get(name);
    if (tensor) return remember(tensor);
    const node = maker(name);
    if (node?.op === 'Constant') return remember(tensorOf(node, 'value'));
    if (!node || !transparent.has(node.op)) return remember(undefined);
    name = node.inputs[0] ?? '';
  }
}
