import { intOf, intsOf } from '../../onnx/attributes.ts';
import type { Node } from '../../onnx/graph.ts';
import { int64Tensor, integersOf } from '../tensors.ts';
import { nodesOf, type Rewrite, type RewriteContext } from './rewrite.ts';

const reshaping = ['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'] as const;

/**
 * Of two nodes in a row that only change the shape, the first is not needed; nor is a Transpose
 * that moves no dimension but those of size 1 and is reshaped after.
 */
export const reshapes: Rewrite = {
  name: 'reshapes',
  reason: 'only the last of several changes of shape counts',
  apply(context) {
    const { rewriter } = context;
    let count = plainTargets(context);
    for (const node of nodesOf(context, ...reshaping)) {
      const source = rewriter.producer(node.inputs[0] ?? '');
      if (source?.domain !== '' || !readsFreely(node, context)) continue;
      const skippable =
        reshaping.some((op) => op === source.op) ||
        (source.op === 'Transpose' && movesOnlyOnes(source, context));
      if (!skippable) continue;
      rewriter.setInput(node, 0, source.inputs[0] ?? '');
      count += 1;
    }
    return count;
  },
};

/** Writes the target of a Reshape as a constant where only the batch varies and stays in front. */
function plainTargets(context: RewriteContext): number {
  const { rewriter, shape } = context;
  let count = 0;
  for (const node of nodesOf(context, 'Reshape')) {
    if (rewriter.constant(node.inputs[1])) continue;
    const [batch, ...rest] = shape(node.outputs[0]) ?? [];
    const sizes = rest.filter((dim) => typeof dim === 'number');
    if (typeof batch !== 'string' || shape(node.inputs[0])?.[0] !== batch) continue;
    if (sizes.length !== rest.length || sizes.includes(0)) continue;
    const target = int64Tensor([rest.length + 1], [0, ...sizes]);
    rewriter.setInput(node, 1, rewriter.addConstant(`${node.name}.shape`, target));
    node.attributes.delete('allowzero');
    count += 1;
  }
  return count;
}

/** The node's result depends on the order of the elements only, not on its input's shape. */
function readsFreely(node: Node, context: RewriteContext): boolean {
  const { rewriter, shape } = context;
  const source = rewriter.producer(node.inputs[0] ?? '');
  if (node.op === 'Reshape') {
    const target = integersOf(rewriter.constant(node.inputs[1]));
    if (!target || intOf(node, 'allowzero', 0) === 1) return false;
    // A 0 copies the input's dimension: allowed for the batch where both inputs have it in front.
    const zeros = target.flatMap((dim, axis) => (dim === 0 ? [axis] : []));
    return zeros.every((axis) => axis === 0 && keepsBatch(source, context));
  }
  if (node.op !== 'Flatten') return false;
  const before = shape(source?.inputs[0]);
  return intOf(node, 'axis', 1) === 1 && before !== null && keepsBatch(source, context);
}

/** Both sides of the node begin with the same batch dimension. */
function keepsBatch(node: Node | undefined, { shape }: RewriteContext): boolean {
  const before = shape(node?.inputs[0])?.[0];
  const after = shape(node?.outputs[0])?.[0];
  return before !== undefined && before !== null && before === after;
}

function movesOnlyOnes(node: Node, { shape }: RewriteContext): boolean {
  const dims = shape(node.inputs[0]);
  const perm = intsOf(node, 'perm');
  if (!dims || !perm) return false;
  const kept = perm.filter((axis) => dims[axis] !== 1);
  return kept.every((axis, at) => at === 0 || axis > (kept[at - 1] ?? 0));
}
