/** Turns a canonical float model into one that computes in 8-bit integers where it is asked to. */

import { FettleError } from '../../errors.ts';
import type { Model, Node } from '../../onnx/graph.ts';
import { own } from '../../own.ts';
import type { BlockWeights } from '../blockwise/blocks.ts';
import { contextOf } from '../canonical/context.ts';
import { copyModel } from '../canonical/copy.ts';
import { dead } from '../canonical/dead.ts';
import { quantizableOpset } from '../canonical/opset.ts';
import type { ActivationRange } from '../record.ts';
import type { LayerReport } from '../report.ts';
import { type Rewriter, rewriterOf } from '../rewriter.ts';
import type { Target } from '../targets.ts';
import { emit } from './emit.ts';
import { plainBounds } from './float-bounds.ts';
import { type Placement, place } from './place.ts';
import { roleOf, whyNoKernel } from './roles.ts';
import { limitReason } from './saturation.ts';

export interface QuantizeOptions {
  readonly target: Target;
  /** Why a layer stays float, by node name. */
  readonly float: Readonly<Record<string, string>>;
  readonly ranges: Readonly<Record<string, ActivationRange>>;
  /** Bits of a layer's weights in scheme pow2; absent in scheme affine. */
  readonly wordBits?: ((layer: string) => 8 | 4 | 2 | undefined) | undefined;
  /** The largest weight of each output channel, by node name; absent is the kernel's. */
  readonly limits?: Readonly<Record<string, readonly number[]>> | undefined;
  readonly biases: Readonly<Record<string, readonly number[]>>;
  /** What weights and bias of a layer are multiplied with, per output channel. */
  readonly gains?: Readonly<Record<string, readonly number[]>> | undefined;
  /** Weights of a layer that are stored in fewer than 8 bits, which are those of the model. */
  readonly stored?: ((layer: string) => BlockWeights | undefined) | undefined;
}

export interface Quantized {
  readonly model: Model;
  readonly layers: readonly LayerReport[];
}

/** A new model; the given one, which must be canonical, is not changed. */
export function quantizeModel(canonical: Model, options: QuantizeOptions): Quantized {
  const model = copyModel(canonical);
  const rewriter = rewriterOf(model.graph);
  const reasons = new Map<string, string>();
  const supported = (model.opsets.get('') ?? 0) >= quantizableOpset;
  const wanted = (node: Node) => {
    const reason = supported ? own(options.float, node.name) : `opset below ${quantizableOpset}`;
    if (reason !== undefined) reasons.set(node.name, reason);
    return reason === undefined;
  };
  const placement = place(rewriter, wanted);
  const layers = weightedNodes(rewriter).map((node) =>
    report(node, { ...options, placement, reasons }, rewriter),
  );
  emit(rewriter, { ...options, placement, range: rangeFrom(options.ranges, rewriter) });
  plainBounds(rewriter, placement);
  dead.apply(contextOf(model));
  return { model, layers };
}

/**
 * The values whose ranges a build in integers may need: all that could be quantized, also where a
 * recipe leaves some layers in float and integers begin later.
 */
export function valuesToCalibrate(canonical: Model): string[] {
  const rewriter = rewriterOf(canonical.graph);
  const placement = place(rewriter, () => true);
  const values = [...placement.made, ...placement.entering];
  return [...new Set(values.map((value) => sameElements(value, rewriter)))].sort();
}

const reordering = ['Reshape', 'Flatten', 'Transpose', 'Squeeze', 'Unsqueeze'];

/** The first value that holds the same numbers, whatever their shape. */
function sameElements(value: string, rewriter: Rewriter): string {
  let first = value;
  for (;;) {
    const maker = rewriter.producer(first);
    if (maker?.domain !== '' || !reordering.includes(maker.op)) return first;
    [first = ''] = maker.inputs;
  }
}

function rangeFrom(
  ranges: Readonly<Record<string, ActivationRange>>,
  rewriter: Rewriter,
): (value: string) => ActivationRange {
  const first = new Map<string, string>();
  for (const node of rewriter.graph.nodes) {
    for (const value of node.outputs) first.set(value, sameElements(value, rewriter));
  }
  return (value) => {
    const range = own(ranges, value) ?? own(ranges, first.get(value) ?? '');
    if (range) return range;
    throw new FettleError('VARIANT_FAILED', {
      recipe: 'of 8 bits',
      reason: `the record of measurements has no range for ${value}`,
    });
  };
}

/** The names of the layers that could compute in integers, first to last. */
export function computeLayers(canonical: Model): string[] {
  const rewriter = rewriterOf(canonical.graph);
  return canonical.graph.nodes
    .filter((node) => roleOf(node, rewriter) === 'compute')
    .map((node) => node.name);
}

/** Nodes that hold constant weights: the layers of reports and recipes. */
export function weightedNodes(rewriter: Rewriter): Node[] {
  const weighted = ['Conv', 'ConvTranspose', 'Gemm', 'MatMul'];
  return rewriter.graph.nodes.filter(
    (node) => weighted.includes(node.op) && rewriter.constant(node.inputs[1]) !== undefined,
  );
}

interface Reasons extends Pick<QuantizeOptions, 'limits' | 'stored'> {
  readonly placement: Placement;
  /** Why a layer stays float. */
  readonly reasons: ReadonlyMap<string, string>;
}

function report(
  node: Node,
  { placement, reasons, limits, stored }: Reasons,
  rewriter: Rewriter,
): LayerReport {
  const { name, op } = node;
  if (placement.integer.has(node)) {
    const limited = own(limits, name);
    const reason = limited ? limitReason(limited) : 'as the recipe asks';
    const bits = stored?.(name)?.bits;
    if (bits === undefined) return { name, op, bits: 8, compute: 'integer', reason };
    const widened = `${reason}; stored in ${bits} bits, widened to 8 when the model is loaded`;
    return { name, op, bits, compute: 'integer', saves: ['bytes'], reason: widened };
  }
  const reason = reasons.get(name) ?? whyNoKernel(node, rewriter) ?? 'nothing asked for it';
  return { name, op, bits: 32, compute: 'float', reason };
}
