import type { Model } from '../../onnx/graph.ts';
import { inferKnown } from '../../onnx/shapes.ts';
import { rewriterOf } from '../rewriter.ts';
import type { RewriteContext } from './rewrite.ts';

/** A fresh view of the model; shapes are inferred when first asked for. */
export function contextOf(model: Model): RewriteContext {
  let known: ReturnType<typeof inferKnown> | undefined;
  const infoOf = (value: string | undefined) => {
    known ??= inferKnown(model);
    return value === undefined ? undefined : known.get(value);
  };
  return {
    model,
    rewriter: rewriterOf(model.graph),
    shape: (value) => infoOf(value)?.dims ?? null,
    type: (value) => infoOf(value)?.type ?? null,
    elements: (value) => infoOf(value)?.value ?? null,
  };
}
