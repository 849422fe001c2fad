/** Parts of a graph as models of their own, to be run with what earlier parts gave. */

import type { RuntimeTensor } from '../../evaluate/tensor.ts';
import type { Graph, Model, Node } from '../../onnx/graph.ts';
import { usesOf } from '../../onnx/walk.ts';
import { own } from '../../own.ts';

export interface Piece {
  readonly nodes: readonly Node[];
  /** Values from outside that the nodes use, constants left out. */
  readonly inputs: readonly string[];
}

/** The nodes that make `wanted` from `available` values, in the graph's order. */
export function pieceOf(
  graph: Graph,
  wanted: readonly string[],
  available: ReadonlySet<string>,
): Piece {
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node])));
  const taken = new Set<Node>();
  const inputs = new Set<string>();
  const pending = [...wanted];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (value === '' || isConstant(graph, value)) continue;
    const maker = available.has(value) ? undefined : makers.get(value);
    if (!maker) inputs.add(value);
    else if (!taken.has(maker)) {
      taken.add(maker);
      pending.push(...usesOf(maker));
    }
  }
  return { nodes: graph.nodes.filter((node) => taken.has(node)), inputs: [...inputs].sort() };
}

/** The piece as a model; `like` are tensors as they will be fed, by input name. */
export function pieceModel(
  model: Model,
  piece: Piece,
  io: { outputs: readonly string[]; like: Readonly<Record<string, RuntimeTensor>> },
): Model {
  const used = new Set(piece.nodes.flatMap(usesOf));
  const declared = new Map(model.graph.inputs.map(({ name, type }) => [name, type]));
  const initializers = [...model.graph.initializers].filter(([name]) => used.has(name));
  const sparse = new Map([...(model.graph.sparse ?? [])].filter(([name]) => used.has(name)));
  const graph: Graph = {
    name: 'piece',
    nodes: [...piece.nodes],
    initializers: new Map(initializers),
    inputs: piece.inputs.map((name) => ({
      name,
      type: own(io.like, name)?.type ?? declared.get(name) ?? 'float',
      dims: own(io.like, name)?.dims ?? null,
    })),
    outputs: io.outputs.map((name) => ({ name, type: typeOf(piece, name), dims: null })),
    values: new Map(),
    ...(sparse.size > 0 && { sparse }),
  };
  const { irVersion, opsets, producer, functions } = model;
  return { irVersion, opsets, producer, graph, ...(functions && { functions }) };
}

function isConstant({ initializers, sparse }: Graph, value: string): boolean {
  return initializers.has(value) || (sparse?.has(value) ?? false);
}

function typeOf(piece: Piece, value: string): 'uint8' | 'float' {
  const maker = piece.nodes.find((node) => node.outputs.includes(value));
  return maker?.op === 'QuantizeLinear' ? 'uint8' : 'float';
}
