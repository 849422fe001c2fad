/** What a model is made of, what of it can be quantized, and why the rest cannot. */
import { elementCount } from './elements.ts';
import {
  type Dimension,
  type ElementType,
  feeds,
  type Model,
  type Node,
  type ValueInfo,
} from './graph.ts';
import { quantizableVerdict } from './inspect/quantizable.ts';
import { type View, viewOf } from './inspect/values.ts';
import { multiplyAdds, weightInput } from './inspect/weights.ts';
import { weightsOf } from './layers.ts';
import { allNodes, allTensors, subgraphsOf } from './walk.ts';

export interface Inspection {
  readonly irVersion: number;
  /** Version of the ONNX operator set. */
  readonly opset: number;
  /** Versions of all operator sets by domain; the ONNX domain is `ai.onnx`. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly producer: string;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** Elements of floating-point and quantized constants. */
  readonly parameters: number;
  /** Bytes of all constants. */
  readonly bytes: number;
  /**
   * Multiply-accumulates of one run, sizes that vary taken as 1; null where a shape is not known
   * and where control flow decides what runs.
   */
  readonly macs: number | null;
  /** Nodes by operator, the most frequent first; those inside control flow are counted too. */
  readonly operators: Readonly<Record<string, number>>;
  /** Layers with weights, in the order of the graph. */
  readonly layers: readonly Layer[];
  /** Every node but constants: whether it can run in 8 bits, and why or why not. */
  readonly quantizable: readonly (Named & { readonly quantizable: boolean })[];
}

export interface Port {
  readonly name: string;
  readonly type: ElementType | null;
  readonly dims: readonly Dimension[] | null;
}

export interface Layer {
  readonly node: string;
  readonly op: string;
  readonly weights: readonly Dimension[] | null;
  readonly output: readonly Dimension[] | null;
  readonly macs: number | null;
}

interface Named {
  /** The node's name, or that of its first output where it has none. */
  readonly node: string;
  readonly op: string;
  readonly reason: string;
}

export function inspectModel(model: Model): Inspection {
  const view = viewOf(model);
  const { graph, irVersion } = model;
  const nodes = graph.nodes.filter((node) => node.op !== 'Constant');
  const named = ({ name, outputs, op }: (typeof nodes)[number]) => ({
    node: name === '' ? (outputs[0] ?? '') : name,
    op,
  });
  return {
    irVersion,
    opset: model.opsets.get('') ?? 0,
    opsets: Object.fromEntries([...model.opsets].map(([domain, v]) => [domain || 'ai.onnx', v])),
    producer: [model.producer, model.producerVersion].filter(Boolean).join(' '),
    inputs: feeds(graph).map((input) => portOf(view, input)),
    outputs: graph.outputs.map((output) => portOf(view, output)),
    ...sizesOf(model),
    macs: nodes.some(isControlFlow) ? null : total(nodes.map((node) => multiplyAdds(view, node))),
    operators: countOperators(model),
    layers: layersOf(view),
    quantizable: nodes.map((node) => {
      const { can, reason } = quantizableVerdict(view, node);
      return { ...named(node), quantizable: can, reason };
    }),
  };
}

function isControlFlow(node: Node): boolean {
  return subgraphsOf(node).length > 0;
}

function portOf(view: View, { name, type, dims }: ValueInfo): Port {
  const known = view.shapes.get(name);
  return { name, type: known?.type ?? type, dims: known?.dims ?? dims };
}

const parameterTypes = /^(float|double|bfloat|u?int[248]$)/;

function sizesOf(model: Model): { parameters: number; bytes: number } {
  let parameters = 0;
  let bytes = 0;
  for (const { tensor } of allTensors(model.graph)) {
    bytes += tensor.bytes.byteLength;
    if (parameterTypes.test(tensor.type)) parameters += elementCount(tensor.dims);
  }
  return { parameters, bytes };
}

function countOperators(model: Model): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { op } of allNodes(model.graph)) counts.set(op, (counts.get(op) ?? 0) + 1);
  const sorted = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return Object.fromEntries(sorted);
}

function layersOf(view: View): Layer[] {
  const dimsOf = (name: string | undefined) => view.shapes.get(name ?? '')?.dims ?? null;
  return view.graph.nodes.flatMap((node) => {
    const [held] = weightsOf(node, view.constantInfo);
    const weights = held ?? weightInput(node);
    if (weights === undefined) return [];
    return [
      {
        node: node.name === '' ? (node.outputs[0] ?? '') : node.name,
        op: node.op,
        weights: dimsOf(node.inputs[weights]),
        output: dimsOf(node.outputs[0]),
        macs: multiplyAdds(view, node),
      },
    ];
  });
}

function total(counts: readonly (number | null)[]): number | null {
  return counts.every((count) => count !== null)
    ? counts.reduce((all, each) => all + each, 0)
    : null;
}
