/** How a device behaves with one version of a model, from its newest windows of telemetry. Pure. */
import { emptyHistogram, merge, quantile } from '../../shared/histogram.ts';
import type { Window } from '../../shared/protocol/messages.ts';
import type { Usage } from '../../shared/protocol/usage.ts';

/** The windows, oldest first, as one; null where there are none. */
export function usageOf(windows: readonly Window[]): Usage | null {
  const [first, last] = [windows[0], windows.at(-1)];
  if (!first || !last) return null;
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
    from: first.start,
    seconds: windows.reduce((sum, { seconds }) => sum + seconds, 0),
  };
}
