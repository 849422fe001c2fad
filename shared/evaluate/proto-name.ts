/**
 * A value may be called `__proto__`, and the binding keeps tensors in plain objects, which lose an
 * entry of that name: such a model is opened with another name in its place.
 */
import type { Graph, ValueInfo } from '../onnx/graph.ts';
import { readModel, readModelFile } from '../onnx/read.ts';
import { allGraphs } from '../onnx/walk.ts';
import { writeModel } from '../onnx/write.ts';

const lost = '__proto__';
const instead = '__proto__\u00b7';

export function isLost(name: string): boolean {
  return name === lost;
}

/** The name in the model that `withoutProto` gives. */
export function nameWithoutProto(name: string): string {
  return name === lost ? instead : name;
}

export function nameWithProto(name: string): string {
  return name === instead ? lost : name;
}

/** The same model with the name replaced everywhere. */
export async function withoutProto(source: string | Uint8Array): Promise<Uint8Array> {
  const model = typeof source === 'string' ? await readModelFile(source) : readModel(source);
  for (const graph of allGraphs(model.graph)) rename(graph);
  return writeModel(model);
}

function rename(graph: Graph): void {
  const infos = (values: readonly ValueInfo[]) =>
    values.map((value) => ({ ...value, name: nameWithoutProto(value.name) }));
  graph.inputs = infos(graph.inputs);
  graph.outputs = infos(graph.outputs);
  graph.values.delete(lost);
  const tensor = graph.initializers.get(lost);
  if (tensor && graph.initializers.delete(lost)) graph.initializers.set(instead, tensor);
  for (const node of graph.nodes) {
    node.inputs = node.inputs.map(nameWithoutProto);
    node.outputs = node.outputs.map(nameWithoutProto);
  }
}
