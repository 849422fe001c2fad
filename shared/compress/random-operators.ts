/** Operators that draw random numbers: two runs of their model differ. */
import { intOf } from '../onnx/attributes.ts';
import type { Model, Node } from '../onnx/graph.ts';
import { inlineFunctions } from '../onnx/inline.ts';
import { allNodes } from '../onnx/walk.ts';

const drawing: ReadonlySet<string> = new Set([
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
  'Multinomial',
  'Bernoulli',
]);

/** One sentence for the report; null where every run of the model gives the same. */
export function randomOperators(model: Model): string | null {
  const { graph } = inlineFunctions(model).model;
  const ops = new Set([...allNodes(graph)].filter(draws).map(({ op }) => op));
  if (ops.size === 0) return null;
  const names = [...ops].sort().join(', ');
  return `The model draws random numbers (${names}): no variant can be compared with its source.`;
}

/** A Dropout draws in training form only (Dropout-12); before opset 7 it said so by attribute. */
function draws(node: Node): boolean {
  if (node.domain !== '') return false;
  const training = (node.inputs[2] ?? '') !== '' || intOf(node, 'is_test', 1) === 0;
  return drawing.has(node.op) || (node.op === 'Dropout' && training);
}
