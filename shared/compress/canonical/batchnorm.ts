import { floatOf, intOf } from '../../onnx/attributes.ts';
import type { Node } from '../../onnx/graph.ts';
import { floatsOf } from '../tensors.ts';
import { type Affine, scaleOutputs } from './affine.ts';
import { nodesOf, type Rewrite, type RewriteContext } from './rewrite.ts';

/**
 * Folds BatchNormalization into the Conv, ConvTranspose or Gemm before it:
 * y = x·a + b with a = γ/√(σ²+ε) and b = β − μ·a per output channel (BatchNormalization-9, the
 * inference formula).
 */
export const batchNorm: Rewrite = {
  name: 'batchnorm',
  reason: 'a normalisation with fixed statistics is part of the layer before it',
  apply(context) {
    const { rewriter } = context;
    let count = 0;
    for (const node of nodesOf(context, 'BatchNormalization')) {
      const producer = rewriter.producer(node.inputs[0] ?? '');
      const affine = affineOf(node, context);
      if (!producer || !affine || rewriter.onlyConsumer(producer.outputs[0] ?? '') !== node)
        continue;
      if (!scaleOutputs(producer, affine, rewriter)) continue;
      if (rewriter.bypass(node, producer.outputs[0] ?? '')) count += 1;
    }
    return count;
  },
};

/** What a BatchNormalization with constant statistics does per channel. */
export function affineOf(node: Node, { rewriter }: RewriteContext): Affine | undefined {
  // Training form, which normalises by the batch's own statistics (BatchNormalization-15).
  if (intOf(node, 'training_mode', 0) !== 0) return undefined;
  const extra = node.outputs
    .slice(1)
    .some((name) => name !== '' && rewriter.consumers(name).length);
  const [gamma, beta, mean, variance] = node.inputs
    .slice(1, 5)
    .map((name) => floatsOf(rewriter.constant(name)));
  if (extra || !gamma || !beta || !mean || !variance) return undefined;
  const epsilon = floatOf(node, 'epsilon', 1e-5);
  const scale = gamma.map((g, c) => g / Math.sqrt((variance[c] ?? 0) + epsilon));
  const shift = beta.map((b, c) => b - (mean[c] ?? 0) * (scale[c] ?? 0));
  return { scale, shift };
}
