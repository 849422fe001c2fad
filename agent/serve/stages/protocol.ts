/** What a cut is asked and what it answers, and what goes from stage to stage. */
import * as v from 'valibot';
import type { ErrorReport } from '../../../shared/errors.ts';
import type { Tensors } from '../../../shared/evaluate/tensor.ts';
import { TensorInfo } from '../../../shared/protocol/fields.ts';
import { Plan } from '../../../shared/protocol/tuning.ts';

export const CutRequest = v.object({
  path: v.string(),
  plan: Plan,
  /** Where the stages are written. */
  folder: v.string(),
});
export type CutRequest = v.InferOutput<typeof CutRequest>;

export const CutAnswer = v.object({
  /** The whole model's. */
  inputs: v.array(TensorInfo),
  outputs: v.array(TensorInfo),
  stages: v.array(
    v.object({ path: v.string(), inputs: v.array(v.string()), carries: v.array(v.string()) }),
  ),
  /** Where it was cut, in words. */
  reason: v.string(),
});
export type CutAnswer = v.InferOutput<typeof CutAnswer>;

export const CutRefusal = v.object({ refused: v.string() });

/** One run on its way: what the stages before gave. */
export interface Passed {
  readonly id: number;
  readonly values: Tensors;
}

export type FromStage =
  | { readonly kind: 'open' }
  | { readonly kind: 'unopened'; readonly error: ErrorReport }
  | { readonly kind: 'ran'; readonly id: number; readonly outputs: Tensors }
  | { readonly kind: 'failed'; readonly id: number; readonly error: ErrorReport };

export type ToStage = ({ readonly kind: 'run' } & Passed) | { readonly kind: 'end' };
