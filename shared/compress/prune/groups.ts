/**
 * Dependency groups: sets of channels that can only go together, found by carrying an identity for
 * each channel through the graph (the idea of Fang et al., "DepGraph: Towards Any Structural
 * Pruning", CVPR 2023, on ONNX itself). Pure.
 */
import type { Model, Node } from '../../onnx/graph.ts';
import { elementTypes } from '../../onnx/graph.ts';
import { orderNodes } from '../../onnx/order.ts';
import { nodeLabel, subgraphsOf, usesOf } from '../../onnx/walk.ts';
import { createIdentities } from './identities.ts';
import { ruleFor } from './rules/table.ts';
import { type Tracker, trackerOf } from './tracker.ts';

export interface Group {
  /** The name of the first layer that makes its channels. */
  readonly name: string;
  /** Layers whose output channels they are. */
  readonly layers: readonly Node[];
  /** Every unit, in the order of the first layer's channels; a unit's number is its place here. */
  readonly units: readonly number[];
  /** Places of the units that can go. */
  readonly free: readonly number[];
  /** Why the others must stay; null where all can go. */
  readonly reason: string | null;
  /** Several layers are summed over these channels: each pays for a unit that goes. */
  readonly summed: boolean;
}

export interface Dependencies {
  readonly groups: readonly Group[];
  readonly tracker: Tracker;
}

/** The model's nodes need names, as the canonical form gives them. */
export function dependenciesOf(model: Model): Dependencies {
  const tracker = trackerOf(model);
  const order = orderNodes(model.graph.nodes);
  const nodes = 'nodes' in order ? order.nodes : model.graph.nodes;
  for (const node of nodes) visit(node, tracker);
  for (const { name } of model.graph.outputs) {
    tracker.freeze(tracker.axesOf(name) ?? [], 'its channels are an output of the model');
  }
  freezePacked(tracker);
  freezeShared(tracker);
  return { groups: groupsOf(tracker), tracker };
}

function visit(node: Node, tracker: Tracker): void {
  const inner = subgraphsOf(node).length > 0;
  const rule = inner ? undefined : ruleFor(node);
  if (rule?.(node, tracker)) return;
  const reason = `its channels are not followed through ${nodeLabel(node)}`;
  for (const name of usesOf(node)) tracker.freeze(tracker.axesOf(name) ?? [], reason);
  for (const name of node.outputs) {
    const axes = tracker.axes.get(name);
    if (axes) tracker.freeze(axes, reason);
  }
}

/** Elements of less than a byte are not cut. */
function freezePacked({ model, axes, freeze }: Tracker): void {
  for (const [name, tensor] of model.graph.initializers) {
    const { bits } = elementTypes[tensor.type];
    const whole = bits >= 8 && !tensor.external;
    if (!whole) freeze(axes.get(name) ?? [], 'its weights are packed or in another file');
  }
}

/** What is left of shared weights is fitted for each layer: they would be shared no more. */
function freezeShared({ model, axes, freeze }: Tracker): void {
  const users = new Map<string, number>();
  for (const { inputs } of model.graph.nodes) {
    for (const name of new Set(inputs)) users.set(name, (users.get(name) ?? 0) + 1);
  }
  for (const [name, { dims }] of model.graph.initializers) {
    if (dims.length < 2 || (users.get(name) ?? 0) < 2) continue;
    freeze(axes.get(name) ?? [], 'its weights are shared by several layers');
  }
}

/** Producers that share a channel make one group. */
function groupsOf(tracker: Tracker): Group[] {
  const { producers, identities } = tracker;
  const joined = createIdentities();
  const numbers = joined.fresh(producers.length);
  const seen = new Map<number, number>();
  for (const [at, { axis }] of producers.entries()) {
    for (const identity of axis) {
      const root = identities.root(identity);
      const known = seen.get(root);
      if (known === undefined) seen.set(root, at);
      else joined.unite(numbers[known] ?? 0, numbers[at] ?? 0);
    }
  }
  const members = Map.groupBy(producers.keys(), (at) => joined.root(numbers[at] ?? 0));
  const summed = new Set(tracker.sums.flat().map(identities.root));
  return [...members.values()].map((list) => {
    const own = list.flatMap((at) => producers[at] ?? []);
    const units = [...new Set(own.flatMap(({ axis }) => axis.map(identities.root)))];
    const free = [...units.keys()].filter((at) => !identities.frozen(units[at] ?? 0));
    const reasons = units.flatMap((unit) => identities.frozen(unit) ?? []);
    return {
      name: own[0]?.node.name ?? '',
      layers: own.map(({ node }) => node),
      units,
      free: units.length > 1 ? free : [],
      reason: reasons[0] ?? (units.length > 1 ? null : 'it has one unit, which must stay'),
      summed: own.length > 1 && units.some((unit) => summed.has(unit)),
    };
  });
}
