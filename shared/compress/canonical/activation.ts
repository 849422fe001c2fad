import type { Node } from '../../onnx/graph.ts';
import { floatsOf } from '../tensors.ts';
import { nodesOf, type Rewrite, type RewriteContext } from './rewrite.ts';

/** Writes every way to say "no less than zero" as Relu, and drops bounds that a bound implies. */
export const activation: Rewrite = {
  name: 'activation',
  reason: 'one spelling of an activation lets it become part of the layer before it',
  apply(context) {
    let count = 0;
    for (const node of nodesOf(context, 'Clip', 'Max')) {
      if (!isRelu(node, context)) continue;
      const data = dataInput(node, context);
      node.op = 'Relu';
      node.attributes.clear();
      for (let index = node.inputs.length - 1; index >= 0; index -= 1) {
        context.rewriter.setInput(node, index, '');
      }
      node.inputs.length = 1;
      context.rewriter.setInput(node, 0, data);
      count += 1;
    }
    for (const node of nodesOf(context, 'Relu')) {
      const source = context.rewriter.producer(node.inputs[0] ?? '');
      const redundant =
        source?.op === 'Relu' || (source?.op === 'Clip' && bound(source, 1, context) >= 0);
      if (redundant && context.rewriter.bypass(node, node.inputs[0] ?? '')) count += 1;
    }
    return count;
  },
};

/** A bound of a Clip: input 1 is the lower one, 2 the upper; infinite where there is none. */
export function bound(node: Node, input: 1 | 2, { rewriter }: RewriteContext): number {
  const open = input === 1 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const name = node.inputs[input] ?? '';
  if (name === '') return open;
  return floatsOf(rewriter.constant(name))?.[0] ?? Number.NaN;
}

/** The largest float: exporters write "no upper bound" so. */
const largest = 3.4028234663852886e38;

function isRelu(node: Node, context: RewriteContext): boolean {
  if (node.op === 'Clip')
    return bound(node, 1, context) === 0 && bound(node, 2, context) >= largest;
  if (node.inputs.length !== 2) return false;
  const constants = node.inputs.flatMap((name) => context.rewriter.constant(name) ?? []);
  const [tensor] = constants;
  if (constants.length !== 1) return false;
  // One of more dimensions would give its own to the result.
  const rank = context.shape(dataInput(node, context))?.length ?? 0;
  const values = floatsOf(tensor);
  return values?.length === 1 && values[0] === 0 && (tensor?.dims.length ?? 0) <= rank;
}

function dataInput(node: Node, { rewriter }: RewriteContext): string {
  if (node.op === 'Clip') return node.inputs[0] ?? '';
  return node.inputs.find((name) => rewriter.constant(name) === undefined) ?? '';
}
