/** Models that another tool has quantized: their integers are their own. */
import type { Model } from '../onnx/graph.ts';
import { inlineFunctions } from '../onnx/inline.ts';
import { allNodes } from '../onnx/walk.ts';

const operators: ReadonlySet<string> = new Set([
  'QuantizeLinear',
  'DequantizeLinear',
  'DynamicQuantizeLinear',
  'ConvInteger',
  'MatMulInteger',
  'MatMulNBits',
  'QGemm',
]);

/** Why the model is left as it is, in one sentence; null where it is float. */
export function quantizedAlready(model: Model): string | null {
  for (const { op } of allNodes(inlineFunctions(model).model.graph)) {
    if (!operators.has(op) && !op.startsWith('QLinear')) continue;
    return `The model is quantized already (it has ${op}): it is left as it is.`;
  }
  return null;
}
