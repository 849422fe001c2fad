import { intOf, intsOf, isDilated, textOf } from '../../onnx/attributes.ts';
import type { Node } from '../../onnx/graph.ts';
import { makeNode } from '../attributes.ts';
import { int64Tensor, integersOf } from '../tensors.ts';
import { nodesOf, type Rewrite, type RewriteContext } from './rewrite.ts';

/** Writes every mean over the whole map as GlobalAveragePool, which has an integer kernel. */
export const pooling: Rewrite = {
  name: 'pooling',
  reason: 'a mean over the whole map has an integer kernel as GlobalAveragePool only',
  apply(context) {
    let count = 0;
    for (const node of nodesOf(context, 'ReduceMean', 'AveragePool')) {
      const known = node.op === 'ReduceMean' ? reducesMap(node, context) : poolsMap(node, context);
      if (!known) continue;
      toGlobal(node, context, intOf(node, 'keepdims', 1) === 1 || node.op === 'AveragePool');
      count += 1;
    }
    return count;
  },
};

function reducesMap(node: Node, { rewriter, shape, type }: RewriteContext): boolean {
  if (type(node.inputs[0]) !== 'float') return false;
  const axes = intsOf(node, 'axes') ?? integersOf(rewriter.constant(node.inputs[1]));
  const rank = shape(node.inputs[0])?.length;
  if (!axes || rank !== 4) return false;
  const sorted = axes.map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b);
  return sorted.length === 2 && sorted[0] === 2 && sorted[1] === 3;
}

function poolsMap(node: Node, { shape }: RewriteContext): boolean {
  const map = shape(node.inputs[0])?.slice(2);
  const kernel = intsOf(node, 'kernel_shape');
  const pads = intsOf(node, 'pads') ?? [];
  const padded = pads.some((pad) => pad !== 0) || textOf(node, 'auto_pad', 'NOTSET') !== 'NOTSET';
  if (!map || !kernel || padded || isDilated(node)) return false;
  return map.length === kernel.length && map.every((size, axis) => size === kernel[axis]);
}

function toGlobal(node: Node, { rewriter }: RewriteContext, keepDims: boolean): void {
  node.op = 'GlobalAveragePool';
  node.attributes.clear();
  if (node.inputs.length > 1) rewriter.setInput(node, 1, '');
  node.inputs.length = 1;
  if (keepDims) return;
  const [output = ''] = node.outputs;
  const pooled = rewriter.fresh(`${output}.pooled`);
  const axes = rewriter.addConstant(`${node.name}.axes`, int64Tensor([2], [2, 3]));
  const squeeze = makeNode('Squeeze', rewriter.fresh(`${node.name}.squeeze`), {
    inputs: [pooled, axes],
    outputs: [output],
  });
  rewriter.setOutput(node, 0, pooled);
  rewriter.insertAfter(node, squeeze);
}
