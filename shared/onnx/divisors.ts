/**
 * Attributes that kernels divide by. The operators' texts want each positive (docs/Operators.md of
 * ONNX: Conv, ConvTranspose, the pools, DepthToSpace, GroupNormalization, Split, LRN); the runtime
 * does not look, and an integer divided by zero ends the process.
 */
import type { Node } from './graph.ts';

const divisors = [
  ...['strides', 'dilations', 'kernel_shape', 'group'],
  ...['blocksize', 'num_groups', 'num_outputs', 'size'],
] as const;

/** Which of the node's divisors is not positive, e.g. `strides [2, 0]`; null where all are. */
export function whyBadDivisor(node: Node): string | null {
  for (const name of divisors) {
    const attribute = node.attributes.get(name);
    if (attribute?.kind !== 'int' && attribute?.kind !== 'ints') continue;
    const values = [attribute.value].flat().map(Number);
    if (values.some((value) => value < 1)) return `${name} [${values.join(', ')}]`;
  }
  return null;
}
