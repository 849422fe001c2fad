/** Decides which nodes compute in integers and which values exist quantized. Pure. */

import type { Node } from '../../onnx/graph.ts';
import { orderNodes } from '../../onnx/order.ts';
import type { Rewriter } from '../rewriter.ts';
import { floatsOf } from '../tensors.ts';
import { type Role, roleOf } from './roles.ts';

export interface Placement {
  /** Nodes that compute in integers. */
  readonly integer: ReadonlySet<Node>;
  /** Bounds that a quantizer replaces, by the value they are put on. */
  readonly absorbed: ReadonlySet<Node>;
  /** Values that only their quantizer bounds, below by zero and above by this. */
  readonly bounded: ReadonlyMap<string, number>;
  /** Values that integer nodes make: each has a Q behind it. */
  readonly made: ReadonlySet<string>;
  /** Values that float nodes make and integer nodes use: each gets a Q beside it. */
  readonly entering: ReadonlySet<string>;
  /** Compute nodes whose result stays float, as nothing in integers uses it. */
  readonly floatOutput: ReadonlySet<Node>;
  /** The value whose range decides how a quantized value is scaled. */
  rangeOf(value: string): string;
}

/** `wanted` says of each compute node whether the recipe wants it in integers. */
export function place(rewriter: Rewriter, wanted: (node: Node) => boolean): Placement {
  const order = orderNodes(rewriter.graph.nodes);
  const nodes = 'nodes' in order ? order.nodes : rewriter.graph.nodes;
  const compute = new Set(nodes.filter((n) => roleOf(n, rewriter) === 'compute' && wanted(n)));
  const demanded = new Set([...compute].map((node) => node.inputs[0] ?? ''));
  const state: State = {
    rewriter,
    compute,
    demanded,
    integer: new Set(),
    absorbed: new Set(),
    bounded: new Map(),
    made: new Set(),
    entering: new Set(),
    floatOutput: new Set(),
    source: new Map(),
  };
  for (const node of nodes) if (!state.absorbed.has(node)) visit(node, state);
  return { ...state, rangeOf: (value) => rootOf(value, state.source) };
}

interface State {
  readonly rewriter: Rewriter;
  readonly compute: ReadonlySet<Node>;
  /** Values that compute nodes use, which are therefore quantized whoever makes them. */
  readonly demanded: ReadonlySet<string>;
  readonly integer: Set<Node>;
  readonly absorbed: Set<Node>;
  readonly bounded: Map<string, number>;
  readonly made: Set<string>;
  readonly entering: Set<string>;
  readonly floatOutput: Set<Node>;
  /** For values that share a scale with another: that one. */
  readonly source: Map<string, string>;
}

function visit(node: Node, state: State): void {
  const { rewriter, made } = state;
  const role = state.compute.has(node) ? 'compute' : roleOf(node, rewriter);
  const [input = ''] = node.inputs;
  switch (role) {
    case 'compute':
      if (!state.compute.has(node)) return;
      takeInteger(node, [input], state);
      if (
        node.op !== 'Conv' &&
        !feedsInteger(node.outputs[0] ?? '', state) &&
        !isCut(node, state)
      ) {
        state.floatOutput.add(node);
        return;
      }
      break;
    case 'combine': {
      const inputs = node.inputs.filter((name) => !rewriter.constant(name));
      const ready = inputs.every((name) => made.has(name) || state.demanded.has(name));
      if (!ready || !inputs.some((name) => made.has(name)) || inputs.length < 2) return;
      takeInteger(node, inputs, state);
      break;
    }
    case 'unary':
    case 'through':
      if (!made.has(input)) return;
      takeInteger(node, [input], state);
      if (role === 'through') state.source.set(node.outputs[0] ?? '', input);
      break;
    default:
      return;
  }
  const output = role === 'through' ? (node.outputs[0] ?? '') : absorbBounds(node, state);
  made.add(output);
}

function takeInteger(node: Node, inputs: readonly string[], state: State): void {
  state.integer.add(node);
  for (const input of inputs) if (!state.made.has(input)) state.entering.add(input);
}

/** The value after the Relu or Clip that only this node feeds: its quantizer does their work. */
function absorbBounds(node: Node, { rewriter, absorbed, bounded }: State): string {
  let [value = ''] = node.outputs;
  for (;;) {
    const next = rewriter.onlyConsumer(value);
    if (next?.domain !== '' || !isBoundAtZero(next, rewriter)) return value;
    const high = Math.min(bounded.get(value) ?? Number.POSITIVE_INFINITY, topOf(next, rewriter));
    absorbed.add(next);
    [value = ''] = next.outputs;
    bounded.set(value, high);
  }
}

/** Bounds below by exactly zero, so that the quantizer's zero is its lowest integer. */
function isBoundAtZero(node: Node, rewriter: Rewriter): boolean {
  if (node.op === 'Relu') return true;
  if (node.op !== 'Clip') return false;
  const [low, high] = [1, 2].map((at) => floatsOf(rewriter.constant(node.inputs[at]))?.[0]);
  return low === 0 && (high === undefined ? (node.inputs[2] ?? '') === '' : high > 0);
}

function topOf({ op, inputs }: Node, rewriter: Rewriter): number {
  const high = op === 'Clip' ? floatsOf(rewriter.constant(inputs[2]))?.[0] : undefined;
  return high ?? Number.POSITIVE_INFINITY;
}

/** The runtime merges a bound into the float layer before it could see the integers around it. */
function isCut(node: Node, { rewriter }: State): boolean {
  const next = rewriter.onlyConsumer(node.outputs[0] ?? '');
  return next?.domain === '' && isBoundAtZero(next, rewriter);
}

/** Whether an integer node will use the value, directly or past nodes that only move numbers. */
function feedsInteger(value: string, state: State): boolean {
  return state.rewriter.consumers(value).some((user) => {
    if (state.compute.has(user)) return true;
    const role: Role = roleOf(user, state.rewriter);
    if (role === 'combine' || role === 'unary') return true;
    const passes = role === 'through' || role === 'bound';
    return passes && feedsInteger(user.outputs[0] ?? '', state);
  });
}

function rootOf(value: string, source: ReadonlyMap<string, string>): string {
  let root = value;
  for (let next = source.get(root); next !== undefined; next = source.get(root)) root = next;
  return root;
}
