/**
 * A layer after a mean over positions gives the same before it: W·mean(x) + b = mean(W·x + b).
 * There it has a row for each position to be judged and fitted with, not one for each sample: with
 * 64 pictures 256 weights of an output are not to be found otherwise. Pure.
 */
import { floatOf, intOf } from '../../onnx/attributes.ts';
import type { Model, Node } from '../../onnx/graph.ts';
import { int, ints, makeNode } from '../attributes.ts';
import { contextOf } from '../canonical/context.ts';
import { copyModel } from '../canonical/copy.ts';
import { dead } from '../canonical/dead.ts';
import type { RewriteContext } from '../canonical/rewrite.ts';
import { floatsOf, floatTensor } from '../tensors.ts';

/** A copy with such layers as 1×1 convolutions of the same name, weights in the same order. */
export function layersBeforeMeans(model: Model): Model {
  const copy = copyModel(model);
  const context = contextOf(copy);
  for (const node of [...copy.graph.nodes]) {
    const mean = node.op === 'Gemm' ? meanBefore(node, context) : null;
    if (mean) exchange(node, mean, context);
  }
  dead.apply(contextOf(copy));
  return copy;
}

/** The mean whose channels, one after the other, the layer reads. */
function meanBefore(node: Node, context: RewriteContext): Node | null {
  const { rewriter, shape } = context;
  const dims = rewriter.constant(node.inputs[1])?.dims;
  const plain =
    intOf(node, 'transA', 0) === 0 &&
    intOf(node, 'transB', 0) === 1 &&
    ['alpha', 'beta'].every((name) => floatOf(node, name, 1) === 1);
  if (!plain || dims?.length !== 2) return null;
  let maker = rewriter.producer(node.inputs[0] ?? '');
  while (maker && ['Flatten', 'Reshape', 'Squeeze'].includes(maker.op)) {
    maker = rewriter.producer(maker.inputs[0] ?? '');
  }
  if (maker?.op !== 'GlobalAveragePool') return null;
  const from = shape(maker.inputs[0]);
  return from?.length === 4 && from[1] === dims[1] ? maker : null;
}

function exchange(node: Node, mean: Node, { rewriter }: RewriteContext): void {
  const weight = rewriter.constant(node.inputs[1]);
  const values = floatsOf(weight);
  const [output = ''] = node.outputs;
  if (!weight || !values) return;
  const kernel = rewriter.addConstant(
    `${node.name}.kernel`,
    floatTensor([...weight.dims, 1, 1], values),
  );
  const [made, pooled] = [rewriter.fresh(`${output}.map`), rewriter.fresh(`${output}.mean`)];
  const conv = makeNode('Conv', node.name, {
    inputs: [mean.inputs[0] ?? '', kernel, ...node.inputs.slice(2)],
    outputs: [made],
    attributes: { kernel_shape: ints([1, 1]), group: int(1) },
  });
  const pool = makeNode('GlobalAveragePool', `${node.name}.mean`, {
    inputs: [made],
    outputs: [pooled],
  });
  const flat = makeNode('Flatten', `${node.name}.flat`, {
    inputs: [pooled],
    outputs: [`${output}`],
    attributes: { axis: int(1) },
  });
  rewriter.insertBefore(node, conv);
  rewriter.insertBefore(node, pool);
  rewriter.remove(node);
  rewriter.insertAfter(pool, flat);
}
