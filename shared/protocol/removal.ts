/** What goes when a model, a rollout or a release is removed, and what is archived. */
import * as v from 'valibot';
import { Count, Instant, Text } from './fields.ts';

export const Removed = v.looseObject({
  /** `tiny 3`, in words. */
  what: Text,
  variants: Count,
  /** Files that nothing else names, and how long they are. */
  files: Count,
  bytes: Count,
});
export type Removed = v.InferOutput<typeof Removed>;

/** What would go, and who needs it: while somebody does, nothing goes. */
export const RemovalPlan = v.looseObject({ ...Removed.entries, needs: v.array(Text) });
export type RemovalPlan = v.InferOutput<typeof RemovalPlan>;

export const Archived = v.looseObject({
  what: Text,
  /** Since when it is out of the lists; null where it is back in them. */
  archivedAt: v.nullable(Instant),
});
export type Archived = v.InferOutput<typeof Archived>;
