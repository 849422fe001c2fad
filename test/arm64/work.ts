/** What is asked of the arm64 process, and what it answers. */
import * as v from 'valibot';
import { Recipe } from '../../shared/compress/recipe.ts';
import { MeasureRecord } from '../../shared/compress/record.ts';

export const Job = v.object({
  modelPath: v.string(),
  /** As it was built elsewhere. */
  variants: v.array(
    v.object({ recipe: Recipe, record: v.nullable(MeasureRecord), goldenPath: v.string() }),
  ),
});
export type Job = v.InferOutput<typeof Job>;

export const Rebuilt = v.object({
  architecture: v.string(),
  digest: v.string(),
  /** Against the golden set that was written elsewhere. */
  agreement: v.number(),
  sqnrDb: v.number(),
});
export type Rebuilt = v.InferOutput<typeof Rebuilt>;
