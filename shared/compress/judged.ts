/**
 * The values that noise is measured on: a model's float outputs, as far as their shape does not
 * depend on what was selected. Indices and lists of other length say nothing of noise; what goes
 * into the selection does. Pure.
 */
import type { Model, Node } from '../onnx/graph.ts';
import { orderNodes } from '../onnx/order.ts';
import { inferShapes } from '../onnx/shapes.ts';

/** Their results have as many rows as their inputs' numbers make them. */
const selecting: ReadonlySet<string> = new Set(['NonMaxSuppression', 'NonZero', 'Unique']);

/** The model's own outputs where none of them can be judged. */
export function judgedValues(model: Model): readonly string[] {
  const types = inferShapes(model);
  const { nodes, outputs } = model.graph;
  const selected = behindSelections(nodes);
  const isFloat = (name: string) => types.get(name)?.type === 'float';
  const own = outputs.map(({ name }) => name);
  const plain = own.filter((name) => !selected.has(name) && (isFloat(name) || !types.has(name)));
  const before = own.some((name) => selected.has(name))
    ? nodes.filter(({ op }) => selecting.has(op)).flatMap(({ inputs }) => inputs.slice(0, 2))
    : [];
  const made = new Set(nodes.flatMap((node) => node.outputs));
  const values = [...plain, ...before.filter((name) => made.has(name) && isFloat(name))];
  return values.length > 0 ? [...new Set(values)] : own;
}

function behindSelections(nodes: readonly Node[]): ReadonlySet<string> {
  const order = orderNodes([...nodes]);
  const selected = new Set<string>();
  for (const { op, inputs, outputs } of 'nodes' in order ? order.nodes : nodes) {
    if (!selecting.has(op) && !inputs.some((input) => selected.has(input))) continue;
    for (const output of outputs) selected.add(output);
  }
  return selected;
}

/** A model that answers with these values; the given one is not changed. */
export function answeringWith(model: Model, values: readonly string[]): Model {
  const own = new Map(model.graph.outputs.map((output) => [output.name, output]));
  const outputs = values.map(
    (name) => own.get(name) ?? ({ name, type: 'float', dims: null } as const),
  );
  return { ...model, graph: { ...model.graph, outputs } };
}
