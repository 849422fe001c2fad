/** A device's last minute in a few figures, for programs that show them; null: not known. */
import * as v from 'valibot';
import { Count, Name } from './fields.ts';

export const Summary = v.looseObject({
  v: v.literal(1),
  device: Name,
  requestsPerSecond: v.nullable(v.number()),
  errors: v.nullable(Count),
  latencyMsP50: v.nullable(v.number()),
  latencyMsP95: v.nullable(v.number()),
  memoryMiB: v.nullable(v.number()),
  temperatureC: v.nullable(v.number()),
});
export type Summary = v.InferOutput<typeof Summary>;
