/** What an agent with `points.ts` is asked for. */
import * as v from 'valibot';

export const PointsOrder = v.variant('kind', [
  /** Writes `[point, times]` of every point that was passed into the file at its end. */
  v.object({ kind: v.literal('record'), path: v.string() }),
  /** Dies before the call is made, or once it has had its effect. */
  v.object({
    kind: v.literal('kill'),
    point: v.string(),
    when: v.picklist(['before', 'after']),
  }),
]);
export type PointsOrder = v.InferOutput<typeof PointsOrder>;
