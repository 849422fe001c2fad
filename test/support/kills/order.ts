/** What a process with `points.ts` is asked for. */
import * as v from 'valibot';

const where = {
  /** Expressions over paths: which places name a point, and one that must have led to it. */
  parts: v.optional(v.string(), '^(agent|shared)/'),
  through: v.optional(v.string(), ''),
};

export const PointsOrder = v.variant('kind', [
  /** Writes `[point, times]` of every point that was passed into the file at its end. */
  v.object({ kind: v.literal('record'), path: v.string(), ...where }),
  /** Dies before the call is made, or once it has had its effect. */
  v.object({
    kind: v.literal('kill'),
    point: v.string(),
    when: v.picklist(['before', 'after']),
    /** At which passing of it, counted from 1. */
    nth: v.optional(v.number(), 1),
    ...where,
  }),
]);
export type PointsOrder = v.InferInput<typeof PointsOrder>;
export type ReadOrder = v.InferOutput<typeof PointsOrder>;
