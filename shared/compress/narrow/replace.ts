/** Puts rounded weights and what they shift the mean by into a float model. */
import type { Model } from '../../onnx/graph.ts';
import { makeNode } from '../attributes.ts';
import { valuesOf } from '../blockwise/blocks.ts';
import { rewriterOf } from '../rewriter.ts';
import { floatsOf, floatTensor } from '../tensors.ts';
import type { Fitted } from './fit.ts';
import { type NarrowLayer, transpose } from './layers.ts';

/** Changes the model in place; the layer is one of its own. */
export function replaceWeights(model: Model, layer: NarrowLayer, { blocks, bias }: Fitted): void {
  const rewriter = rewriterOf(model.graph);
  const { node, transposed, rows, dims } = layer;
  const values = valuesOf(blocks);
  const weights = transposed ? transpose(values, rows) : values;
  rewriter.setInput(node, 1, rewriter.addConstant('rounded', floatTensor(dims, weights)));
  if (bias.length === 0) return;
  if (node.op === 'MatMul') {
    addBehind(model, layer, bias);
    return;
  }
  const own = floatsOf(rewriter.constant(node.inputs[2]));
  const sums = bias.map((value, c) => value + (own?.[c] ?? 0));
  rewriter.setInput(node, 2, rewriter.addConstant('rounded', floatTensor([sums.length], sums)));
}

/** A MatMul has no bias of its own. */
function addBehind(model: Model, { node }: NarrowLayer, bias: readonly number[]): void {
  const rewriter = rewriterOf(model.graph);
  const [output = ''] = node.outputs;
  const raw = rewriter.fresh('rounded');
  rewriter.setOutput(node, 0, raw);
  const summand = rewriter.addConstant('rounded', floatTensor([bias.length], bias));
  rewriter.insertAfter(
    node,
    makeNode('Add', rewriter.fresh('rounded'), { inputs: [raw, summand], outputs: [output] }),
  );
}
