/** How a device behaves with one version of a model, over the newest minute of its telemetry. */
import * as v from 'valibot';
import { Count, Instant } from './fields.ts';

export const Usage = v.object({
  requests: Count,
  errors: Count,
  latencyMsP95: v.number(),
  /** As it was last: a leak shows in the newest value. */
  memoryMiB: v.number(),
  /** The hottest. */
  temperatureC: v.nullable(v.number()),
  /** As it was last. */
  outputDrift: v.nullable(v.number()),
  inputDrift: v.optional(v.nullable(v.number())),
  /** When the first of these windows began, and how many seconds they cover, by its own clock. */
  from: v.optional(Instant),
  seconds: v.optional(v.number()),
});
export type Usage = v.InferOutput<typeof Usage>;
