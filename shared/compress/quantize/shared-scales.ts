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
      const [from, to] = [rootOf(input), rootOf(output)];
      if (from === to || extent(rangeOf(from)) < leastShare * extent(rangeOf(to))) continue;
      ranges.set(to, union(rangeOf(from), rangeOf(to)));
      parents.set(from, to);
    }
  }
  return { rootOf, rangeOf };
}

function extent({ min, max }: ActivationRange): number {
  return Math.max(max, 0) - Math.min(min, 0);
}

function union(a: ActivationRange, b: ActivationRange): ActivationRange {
  return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) };
}
