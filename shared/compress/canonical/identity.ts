import { intOf, intsOf } from '../../onnx/attributes.ts';
import { elementTypes, type Node } from '../../onnx/graph.ts';
import { floatsOf, integersOf } from '../tensors.ts';
import { nodesOf, type Rewrite, type RewriteContext } from './rewrite.ts';

/** Takes out nodes that hand their input on unchanged. */
export const identity: Rewrite = {
  name: 'identity',
  reason: 'they hand their input on unchanged',
  apply(context) {
    let count = 0;
    for (const node of nodesOf(context, ...Object.keys(handsOn))) {
      if (!handsOn[node.op]?.(node, context)) continue;
      if (context.rewriter.bypass(node, node.inputs[0] ?? '')) count += 1;
    }
    return count;
  },
};

const handsOn: Record<string, (node: Node, context: RewriteContext) => boolean> = {
  Identity: () => true,
  // With a training_mode input it may be more than an identity (Dropout-12).
  Dropout: (node, { rewriter }) =>
    (node.inputs[2] ?? '') === '' && !isNeeded(node.outputs[1] ?? '', rewriter),
  Cast(node, { type }) {
    const from = type(node.inputs[0]);
    return from !== null && elementTypes[from].code === intOf(node, 'to', 0);
  },
  Concat: (node) => node.inputs.length === 1,
  Sum: (node) => node.inputs.length === 1,
  Max: (node) => node.inputs.length === 1,
  Min: (node) => node.inputs.length === 1,
  Transpose: (node) => intsOf(node, 'perm')?.every((axis, at) => axis === at) ?? false,
  Pad: (node, { rewriter }) =>
    integersOf(rewriter.constant(node.inputs[1]))?.every((pad) => pad === 0) ?? false,
  Reshape: (node, { shape }) => sameShape(shape(node.inputs[0]), shape(node.outputs[0])),
  Flatten: (node, { shape }) => sameShape(shape(node.inputs[0]), shape(node.outputs[0])),
  Add: (node, context) => isNeutral(node, context, 0),
  Sub: (node, context) => isNeutral(node, context, 0),
  Mul: (node, context) => isNeutral(node, context, 1),
  Div: (node, context) => isNeutral(node, context, 1),
};

function isNeeded(value: string, rewriter: RewriteContext['rewriter']): boolean {
  return value !== '' && (rewriter.pinned(value) || rewriter.consumers(value).length > 0);
}

type Shape = ReturnType<RewriteContext['shape']>;

/** Equal sizes or equal names of sizes. */
function sameShape(before: Shape, after: Shape): boolean {
  if (!before || !after || before.length !== after.length) return false;
  return before.every((dim, at) => dim !== null && dim === after[at]);
}

/** The second operand is a scalar constant that changes nothing, not even the rank. */
function isNeutral(node: Node, context: RewriteContext, neutral: number): boolean {
  const operand = context.rewriter.constant(node.inputs[1]);
  const values = floatsOf(operand);
  if (!operand || values?.length !== 1 || values[0] !== neutral) return false;
  const rank = context.shape(node.inputs[0])?.length ?? 0;
  return operand.dims.length <= rank;
}
