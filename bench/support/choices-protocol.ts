/** What `choices-cell.ts` prints. */
import * as v from 'valibot';
import { Recipe } from '../../shared/compress/recipe.ts';
import { Plan } from '../../shared/protocol/tuning.ts';

export const Chosen = v.object({ recipe: Recipe, plan: Plan });
export type Chosen = v.InferOutput<typeof Chosen>;

export const Met = v.array(
  v.object({
    latencyMsP50: v.number(),
    latencyMsP95: v.number(),
    versus: v.nullable(v.object({ ratio: v.number(), low: v.number(), high: v.number() })),
  }),
);
