/** Turns a canonical float model into one that computes in 8-bit integers where it is asked to. */
import type { Model, Node } from '../../onnx/graph.ts';
import { contextOf } from '../canonical/context.ts';
import { copyModel } from '../canonical/copy.ts';
import { dead } from '../canonical/dead.ts';
import { quantizableOpset } from '../canonical/opset.ts';
import type { ActivationRange } from '../record.ts';
import type { LayerReport } from '../report.ts';
import { type Rewriter, rewriterOf } from '../rewriter.ts';
import type { Target } from '../targets.ts';
import { emit } from './emit.ts';
import { type Placement, place } from './place.ts';
import { whyNoKernel } from './roles.ts';

export interface QuantizeOptions {
  readonly target: Target;
  /** Why a layer stays float, by node name. */
  readonly float: Readonly<Record<string, string>>;
  readonly ranges: Readonly<Record<string, ActivationRange>>;
  readonly biases: Readonly<Record<string, readonly number[]>>;
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
    const reason = supported ? options.float[node.name] : `opset below ${quantizableOpset}`;
    if (reason !== undefined) reasons.set(node.name, reason);
    return reason === undefined;
  };
  const placement = place(rewriter, wanted);
  const layers = weightedNodes(rewriter).map((node) => report(node, placement, rewriter, reasons));
  emit(rewriter, {
    placement,
    target: options.target,
    range: (value) => options.ranges[value] ?? { min: 0, max: 0 },
    biases: options.biases,
  });
  dead.apply(contextOf(model));
  return { model, layers };
}

/** The values whose ranges a build in integers needs: all that could be quantized. */
export function valuesToCalibrate(canonical: Model): string[] {
  const placement = place(rewriterOf(canonical.graph), () => true);
  const values = [...placement.made, ...placement.entering].map((value) =>
    placement.rangeOf(value),
  );
  return [...new Set(values)].sort();
}

/** Nodes that hold constant weights: the layers of reports and recipes. */
export function weightedNodes(rewriter: Rewriter): Node[] {
  const weighted = ['Conv', 'ConvTranspose', 'Gemm', 'MatMul'];
  return rewriter.graph.nodes.filter(
    (node) => weighted.includes(node.op) && rewriter.constant(node.inputs[1]) !== undefined,
  );
}

function report(
  node: Node,
  placement: Placement,
  rewriter: Rewriter,
  reasons: ReadonlyMap<string, string>,
): LayerReport {
  const { name, op } = node;
  if (placement.integer.has(node)) {
    return { name, op, bits: 8, compute: 'integer', reason: 'as the recipe asks' };
  }
  const reason = reasons.get(name) ?? whyNoKernel(node, rewriter) ?? 'nothing asked for it';
  return { name, op, bits: 32, compute: 'float', reason };
}
