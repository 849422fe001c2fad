/**
 * Values that get one scale: those that nodes only move about, and what a Concat joins, where the
 * ranges are alike. A Concat of equal scales copies bytes; otherwise it looks each one up in a
 * table (onnxruntime/contrib_ops/cpu/quantization/qlinear_concat.cc), six times as slow.
 */
import type { Node } from '../../onnx/graph.ts';
import type { ActivationRange } from '../record.ts';
import type { Placement } from './place.ts';

export interface SharedScales {
  /** The value that stands for all that share its scale. */
  rootOf(value: string): string;
  /** What all values of a root lie in. */
  rangeOf(root: string): ActivationRange;
}

/** An input that uses less than this share of the joint range keeps a scale of its own. */
const leastShare = 0.25;

export function shareScales(
  nodes: readonly Node[],
  placement: Placement,
  range: (value: string) => ActivationRange,
): SharedScales {
  const parents = new Map<string, string>();
  const ranges = new Map<string, ActivationRange>();
  const bounded = new Map(placement.bounded);
  const rootOf = (value: string): string => {
    let root = placement.rangeOf(value);
    for (let next = parents.get(root); next !== undefined; next = parents.get(root)) root = next;
    return root;
  };
  const rangeOf = (root: string): ActivationRange => ranges.get(root) ?? range(root);
  for (const node of nodes) {
    if (node.op !== 'Concat' || !placement.integer.has(node)) continue;
    const output = placement.rangeOf(node.outputs[0] ?? '');
    for (const input of node.inputs) {
      // Constants have a scale of their own.
      if (!placement.made.has(input) && !placement.entering.has(input)) continue;
      const [from, to] = [rootOf(input), rootOf(output)];
      if (from === to || extent(rangeOf(from)) < leastShare * extent(rangeOf(to))) continue;
      const joint = union(rangeOf(from), rangeOf(to));
      // A bound that lies in the quantizer's range alone must not go with the range.
      if ([from, to].some((root) => breaks(joint, rangeOf(root), bounded.get(root)))) continue;
      ranges.set(to, joint);
      parents.set(from, to);
      const highs = [from, to].flatMap((root) => bounded.get(root) ?? []);
      if (highs.length > 0) bounded.set(to, Math.min(...highs));
    }
  }
  return { rootOf, rangeOf };
}

function extent({ min, max }: ActivationRange): number {
  return Math.max(max, 0) - Math.min(min, 0);
}

/** Numbers that the bound cuts off, below zero or above `high`, become possible. */
function breaks(joint: ActivationRange, own: ActivationRange, high: number | undefined): boolean {
  if (high === undefined) return false;
  return joint.min < Math.min(0, own.min) || joint.max > Math.max(high, own.max);
}

function union(a: ActivationRange, b: ActivationRange): ActivationRange {
  return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) };
}
