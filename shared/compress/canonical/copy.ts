/** Copies of models for editing: nodes and lists are new, constants are shared. */
import type { Graph, Model, Node } from '../../onnx/graph.ts';

/** Every node of the copy has a name of its own, made from its first output where it had none. */
export function copyModel(model: Model): Model {
  const graph = copyGraph(model.graph);
  nameNodes(graph);
  return { ...model, opsets: new Map(model.opsets), graph };
}

export function copyGraph(graph: Graph): Graph {
  return {
    ...graph,
    nodes: graph.nodes.map(copyNode),
    initializers: new Map(graph.initializers),
    inputs: [...graph.inputs],
    outputs: [...graph.outputs],
    values: new Map(graph.values),
  };
}

function copyNode(node: Node): Node {
  return {
    ...node,
    inputs: [...node.inputs],
    outputs: [...node.outputs],
    attributes: new Map(node.attributes),
  };
}

/** Layers are known by node name in recipes, records and reports. */
function nameNodes(graph: Graph): void {
  const taken = new Set<string>();
  for (const node of graph.nodes) {
    const stem = node.name || (node.outputs.find((output) => output !== '') ?? node.op);
    let name = stem;
    for (let n = 2; taken.has(name); n += 1) name = `${stem}#${n}`;
    taken.add(name);
    node.name = name;
  }
}
