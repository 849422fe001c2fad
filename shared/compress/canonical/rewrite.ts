/** What a rewrite of the canonicaliser is, and what the rewrites share. */
import type { Dimension, ElementType, Model, Node, Tensor } from '../../onnx/graph.ts';
import type { Rewriter } from '../rewriter.ts';

export interface RewriteContext {
  readonly model: Model;
  readonly rewriter: Rewriter;
  /** What is known of a value's shape; null where even the rank is not. */
  shape(value: string | undefined): readonly Dimension[] | null;
  type(value: string | undefined): ElementType | null;
  /** The elements of a small integer tensor, as far as they are known without running anything. */
  elements(value: string | undefined): readonly Dimension[] | null;
}

export interface Rewrite {
  readonly name: string;
  /** Why the graph is better for it: one sentence for the report. */
  readonly reason: string;
  /**
   * Edits the graph wherever the rewrite applies; the number of places changed. The graph
   * computes the same as before, up to the rounding of constants that were merged.
   */
  apply(context: RewriteContext): number;
}

/** The nodes of the ONNX domain with one of these operators, as they were before any edit. */
export function nodesOf(context: RewriteContext, ...ops: readonly string[]): Node[] {
  return context.rewriter.graph.nodes.filter((node) => node.domain === '' && ops.includes(node.op));
}

/**
 * The values of a constant that is one number per channel of an activation with `rank` dimensions
 * (channels on axis 1), repeated where it is a scalar; undefined where it is neither.
 */
export function perChannel(
  tensor: Tensor | undefined,
  values: Float64Array | undefined,
  like: { readonly rank: number; readonly channels: number },
): Float64Array | undefined {
  if (!tensor || !values || tensor.dims.length > like.rank) return undefined;
  if (values.length === 1) return new Float64Array(like.channels).fill(values[0] ?? 0);
  if (values.length !== like.channels) return undefined;
  const axis = 1 - (like.rank - tensor.dims.length);
  return tensor.dims[axis] === like.channels ? values : undefined;
}
