/** How a device behaves with one version of a model, from its newest windows of telemetry. Pure. */
import * as v from 'valibot';
import { emptyHistogram, merge, quantile } from '../../shared/histogram.ts';
import { Count } from '../../shared/protocol/fields.ts';
import type { Window } from '../../shared/protocol/messages.ts';

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
});
export type Usage = v.InferOutput<typeof Usage>;

/** The windows, oldest first, as one; null where there are none. */
export function usageOf(windows: readonly Window[]): Usage | null {
  const last = windows.at(-1);
  if (!last) return null;
  const latencyMs = windows.map((window) => window.latencyMs).reduce(merge, emptyHistogram());
  const hot = windows.flatMap(({ temperatureC }) => temperatureC ?? []);
  return {
    requests: windows.reduce((sum, { requests }) => sum + requests, 0),
    errors: windows.reduce((sum, { errors }) => sum + errors, 0),
    latencyMsP95: quantile(latencyMs, 0.95),
    memoryMiB: last.memoryMiB,
    temperatureC: hot.length > 0 ? Math.max(...hot) : null,
    outputDrift: last.outputDrift ?? null,
    inputDrift: last.inputDrift ?? null,
  };
}
