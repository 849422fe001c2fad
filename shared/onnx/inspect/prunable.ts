/**
 * Which layers can lose output channels with no other layer but their direct readers changed. This
 * is the safe part: where channels of several layers are tied (a sum, a concatenation), the answer
 * is no and the reason names the tie.
 */
import { intOf, intsOf } from '../attributes.ts';
import { numbersOf } from '../elements.ts';
import type { Node, Tensor } from '../graph.ts';
import { nodeLabel } from '../walk.ts';
import type { Verdict } from './quantizable.ts';
import type { View } from './values.ts';

/** Work on each channel by itself and have no parameter per channel. */
const channelwise = new Set(
  (
    'AveragePool Celu Clip Dropout Elu Erf Gelu GlobalAveragePool GlobalMaxPool HardSigmoid ' +
    'HardSwish Identity LeakyRelu LpPool MaxPool Mish Relu Resize Selu Sigmoid Softplus Swish Tanh'
  ).split(' '),
);

export interface Prunable extends Verdict {
  readonly node: Node;
  readonly channels: number;
}

/** One entry for each Conv and Gemm with constant weights, in the order of the graph. */
export function prunableLayers(view: View): Prunable[] {
  return view.graph.nodes.flatMap((node) => {
    const weights = layerWeights(view, node);
    if (!weights) return [];
    const channels = outputChannels(node, weights);
    return [{ node, channels, ...prunableVerdict(view, node, channels) }];
  });
}

function layerWeights(view: View, node: Node): Tensor | undefined {
  if (node.op !== 'Conv' && node.op !== 'Gemm') return undefined;
  return view.constant(node.inputs[1]);
}

function outputChannels(node: Node, weights: Tensor): number {
  const transposed = node.op === 'Gemm' && intOf(node, 'transB', 0) === 0;
  return weights.dims[transposed ? 1 : 0] ?? 0;
}

function no(reason: string): Verdict {
  return { can: false, reason };
}

function prunableVerdict(view: View, node: Node, channels: number): Verdict {
  if (intOf(node, 'group', 1) !== 1) {
    return no('a depthwise or grouped layer follows the layer before it');
  }
  const readers: string[] = [];
  const reason = firstTie(view, { values: [node.outputs[0] ?? ''], channels, readers });
  if (reason) return no(reason);
  return { can: true, reason: `only ${[...new Set(readers)].join(', ')} would change with it` };
}

interface Walk {
  /** Values still to be followed. */
  readonly values: string[];
  readonly channels: number;
  /** Labels of the layers where the channels end. */
  readonly readers: string[];
}

/** Follows the channels to the layers that read them; answers what stands in the way, or null. */
function firstTie(view: View, { values, channels, readers }: Walk): string | null {
  const seen = new Set<Node>();
  for (let value = values.pop(); value !== undefined; value = values.pop()) {
    if (view.isOutput(value)) return 'its channels are an output of the model';
    for (const reader of view.readers(value)) {
      if (seen.has(reader)) continue;
      seen.add(reader);
      const step = follow(view, { reader, value, channels });
      if (step === 'end') readers.push(nodeLabel(reader));
      else if (step === 'on') values.push(reader.outputs[0] ?? '');
      else return step.tie;
    }
  }
  return readers.length > 0 ? null : 'nothing reads its channels';
}

type Step = 'on' | 'end' | { readonly tie: string };

function follow(
  view: View,
  { reader, value, channels }: { reader: Node; value: string; channels: number },
): Step {
  if (channelwise.has(reader.op)) return 'on';
  if (reader.inputs[0] !== value) return { tie: tieOf(view, reader, value) };
  const constants = reader.inputs.slice(1).every((name) => view.constant(name) !== undefined);
  switch (reader.op) {
    case 'BatchNormalization':
    case 'PRelu':
      return constants
        ? 'on'
        : { tie: `its channels meet parameters that vary in ${nodeLabel(reader)}` };
    case 'Conv':
      return followConvolution(view, reader, channels);
    case 'Gemm':
      return constants && intOf(reader, 'transA', 0) === 0
        ? 'end'
        : { tie: `its channels meet parameters that vary in ${nodeLabel(reader)}` };
    case 'Pad':
      return padsChannels(view, reader)
        ? { tie: `channels may be added to its own by ${nodeLabel(reader)}` }
        : 'on';
    case 'Flatten':
      return intOf(reader, 'axis', 1) === 1
        ? 'on'
        : { tie: `its channels are mixed with the batch by ${nodeLabel(reader)}` };
    default:
      return { tie: tieOf(view, reader, value) };
  }
}

/** Pads are [begins..., ends...] over all axes; the channels are axis 1. */
function padsChannels(view: View, node: Node): boolean {
  const constant = view.constant(node.inputs[1]);
  const pads = intsOf(node, 'pads') ?? (constant ? numbersOf(constant) : null);
  const axes = (node.inputs[3] ?? '') !== '';
  return !pads || axes || pads[1] !== 0 || pads[pads.length / 2 + 1] !== 0;
}

function followConvolution(view: View, reader: Node, channels: number): Step {
  if (!view.constant(reader.inputs[1]))
    return { tie: `its channels meet weights that vary in ${nodeLabel(reader)}` };
  const groups = intOf(reader, 'group', 1);
  if (groups === 1) return 'end';
  return groups === channels ? 'on' : { tie: `its channels are grouped by ${nodeLabel(reader)}` };
}

function tieOf(view: View, reader: Node, value: string): string {
  const label = nodeLabel(reader);
  const others = reader.inputs.filter((name) => name !== value && !view.constant(name));
  if (reader.op === 'Concat')
    return `its channels are joined with those of other layers by ${label}`;
  if (others.length > 0 && /^(Add|Sub|Mul|Max|Min|Sum)$/.test(reader.op)) {
    return `its channels are tied to those of another layer by ${label}`;
  }
  return `its channels are not followed through ${label}`;
}
