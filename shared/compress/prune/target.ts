/** What a layer is fitted to: its own outputs, or a sum's less what is added to them. */
import { floatOf } from '../../onnx/attributes.ts';
import type { Node } from '../../onnx/graph.ts';
import type { Rewriter } from '../rewriter.ts';
import { floatsOf } from '../tensors.ts';

export interface FitTarget {
  /** The value, of the source, that is to be met. */
  readonly value: string;
  /** What the pruned model adds to the layer's output to make it; null where nothing. */
  readonly added: string | null;
  /** Bounds that are put on the value next: beyond them nothing needs to be met. */
  readonly low: number;
  readonly high: number;
}

/** `settled` says whether a value of the pruned model is final: nothing it is made of changes. */
export function targetFor(
  node: Node,
  rewriter: Rewriter,
  settled: (value: string) => boolean,
): FitTarget {
  const [own = ''] = node.outputs;
  const added = addedTo(own, rewriter);
  const residual = added && settled(added.other) ? added : null;
  const value = residual?.sum ?? own;
  return { value, added: residual?.other ?? null, ...boundsOf(value, rewriter) };
}

/** The sum that the value alone goes into, and the other summand. */
export function addedTo(
  value: string,
  rewriter: Rewriter,
): { readonly sum: string; readonly other: string } | null {
  const next = rewriter.onlyConsumer(value);
  if (next?.op !== 'Add' || next.domain !== '') return null;
  const other = next.inputs[0] === value ? next.inputs[1] : next.inputs[0];
  const [sum] = next.outputs;
  if (!other || !sum || other === value || rewriter.constant(other)) return null;
  return { sum, other };
}

function boundsOf(value: string, rewriter: Rewriter): { low: number; high: number } {
  const next = rewriter.onlyConsumer(value);
  if (next?.op === 'Relu') return { low: 0, high: Infinity };
  if (next?.op !== 'Clip') return { low: -Infinity, high: Infinity };
  const bound = (at: number, name: string, otherwise: number) =>
    floatsOf(rewriter.constant(next.inputs[at]))?.[0] ?? floatOf(next, name, otherwise);
  return { low: bound(1, 'min', -Infinity), high: bound(2, 'max', Infinity) };
}
