/**
 * Where channels can be scaled without changing what a model computes: between the layer that
 * makes them and the layers that use them, past pools and past products with other values.
 */
import type { Model, Node } from '../../onnx/graph.ts';
import { bound } from '../canonical/activation.ts';
import { outputChannels } from '../canonical/affine.ts';
import { contextOf } from '../canonical/context.ts';
import type { RewriteContext } from '../canonical/rewrite.ts';
import type { Rewriter } from '../rewriter.ts';

/** A value that can be equalized: made by one layer, used by layers only. */
export interface Joint {
  /** Behind the Relu, Clip or gate. */
  readonly value: string;
  readonly producer: Node;
  readonly consumers: readonly Node[];
  readonly channels: number;
  /** The bound of a Clip; infinite otherwise. */
  readonly upper: number;
  /** Makes the factor from what the producer gives: Sigmoid, HardSigmoid, or a whole HardSwish. */
  readonly gate: Node | undefined;
  /** Whether a channel can be mirrored: neither a Relu nor a MaxPool is on the way. */
  readonly mirrors: boolean;
  /** Every value that takes the scale and has a quantizer of its own, `value` among them. */
  readonly scaled: readonly string[];
}

export function jointsOf(model: Model): Joint[] {
  const context = contextOf(model);
  return model.graph.nodes.flatMap((node) => jointBehind(node, context) ?? []);
}

/** The values whose channels must be observed to choose scales, with how many there are. */
export function jointChannels(model: Model): Map<string, number> {
  const joints = jointsOf(model);
  return new Map(
    joints.flatMap(({ scaled, channels }) => scaled.map((value) => [value, channels] as const)),
  );
}

function jointBehind(node: Node, context: RewriteContext): Joint | undefined {
  const { rewriter } = context;
  if (node.op !== 'Conv' || rewriter.constant(node.inputs[1])?.type !== 'float') return undefined;
  const behind = boundBehind(node, context) ?? gateBehind(node, rewriter);
  const channels = outputChannels(node, rewriter);
  if (!behind || channels === undefined) return undefined;
  const path: Path = { layers: [], passed: new Set(), scaled: [], products: [], largest: false };
  if (!follow(behind.value, path, context) || path.layers.length === 0) return undefined;
  // A product of two scaled values would take the scale twice.
  if (path.products.some(({ inputs }) => inputs.every((i) => path.passed.has(i)))) return undefined;
  const raw = behind.gate ? [node.outputs[0] ?? ''] : [];
  return {
    ...behind,
    producer: node,
    consumers: path.layers,
    channels,
    mirrors: behind.gate !== undefined && !path.largest,
    scaled: [...raw, behind.value, ...path.scaled],
  };
}

type Behind = Pick<Joint, 'value' | 'upper' | 'gate'>;

function boundBehind(node: Node, context: RewriteContext): Behind | undefined {
  const activation = context.rewriter.onlyConsumer(node.outputs[0] ?? '');
  if (activation?.op !== 'Relu' && activation?.op !== 'Clip') return undefined;
  const low = activation.op === 'Relu' ? 0 : bound(activation, 1, context);
  const upper = activation.op === 'Relu' ? Number.POSITIVE_INFINITY : bound(activation, 2, context);
  if (low !== 0 || !(upper > 0)) return undefined;
  return { value: activation.outputs[0] ?? '', upper, gate: undefined };
}

/** x·gate(x), as one HardSwish or as two nodes. */
function gateBehind(node: Node, rewriter: Rewriter): Behind | undefined {
  const [raw = ''] = node.outputs;
  const users = rewriter.consumers(raw);
  if (rewriter.pinned(raw)) return undefined;
  const upper = Number.POSITIVE_INFINITY;
  const fused = users.length === 1 && users[0]?.op === 'HardSwish' ? users[0] : undefined;
  if (fused) return { value: fused.outputs[0] ?? '', upper, gate: fused };
  const gate = users.find(({ op }) => op === 'Sigmoid' || op === 'HardSigmoid');
  const product = rewriter.onlyConsumer(gate?.outputs[0] ?? '');
  if (!gate || users.length !== 2 || product?.op !== 'Mul') return undefined;
  if (!users.includes(product) || product === gate) return undefined;
  return { value: product.outputs[0] ?? '', upper, gate };
}

interface Path {
  readonly layers: Node[];
  /** Every value that takes the scale. */
  readonly passed: Set<string>;
  /** Those that are rounded again: behind products and averages. */
  readonly scaled: string[];
  readonly products: Node[];
  /** A MaxPool was passed. */
  largest: boolean;
}

/** Follows a value to the Convs that use it; false where anything else does. */
function follow(value: string, path: Path, context: RewriteContext): boolean {
  if (context.rewriter.pinned(value)) return false;
  path.passed.add(value);
  return context.rewriter.consumers(value).every((user) => {
    const [output = ''] = user.outputs;
    const [input, weights] = user.inputs;
    switch (user.op) {
      case 'Conv':
        path.layers.push(user);
        return input === value && context.rewriter.constant(weights)?.type === 'float';
      case 'MaxPool':
        path.largest = true;
        return follow(output, path, context);
      case 'Mul':
        if (path.products.includes(user) || !keepsChannels(user, value, context)) return false;
        path.products.push(user);
        break;
      case 'AveragePool':
      case 'GlobalAveragePool':
        break;
      default:
        return false;
    }
    path.scaled.push(output);
    return follow(output, path, context);
  });
}

/** Whether the product's channels are those of the value, whatever else is broadcast. */
function keepsChannels(product: Node, value: string, { shape }: RewriteContext): boolean {
  const [own, made] = [shape(value), shape(product.outputs[0] ?? '')];
  return own !== null && made !== null && own.length === made.length && own[1] === made[1];
}
