/** A device as the fleet's list and its live events show it. */
import { emptyHistogram, merge, quantile } from '../shared/histogram.ts';
import type { DeviceReading, DeviceSummary } from '../shared/protocol/api.ts';
import { type Device, labelsOf } from './fleet.ts';
import { instant } from './world.ts';

/** How much telemetry the `recent` figures cover. */
export const recentMs = 60_000;

export function summaryOf(device: Device, now: number): DeviceSummary {
  const { profile } = device;
  return {
    ...readingOf(device, now),
    labels: labelsOf(device),
    online: device.online,
    enrolledAt: instant(device.enrolledMs),
    hardwareClass: profile?.hardwareClass ?? null,
    board: profile?.board ?? null,
    processor: profile?.processor.model ?? null,
    cores: profile?.processor.cores ?? null,
    desiredRevision: device.revision,
    reported: device.reported,
  };
}

/** Of a summary what telemetry alone changes. */
export function readingOf(device: Device, now: number): DeviceReading {
  return {
    device: device.device,
    lastSeen: device.seenMs === null ? null : instant(device.seenMs),
    recent: recentOf(device, now),
  };
}

/**
 * Figures merged over the last minute; quantiles come from the merged histogram, not from an
 * average.
 */
function recentOf(device: Device, now: number): DeviceSummary['recent'] {
  const fresh = device.recent.filter(({ arrivedMs }) => arrivedMs > now - recentMs);
  const last = fresh.at(-1)?.window;
  if (!last) return null;
  const windows = fresh.map(({ window }) => window);
  const seconds = sum(windows.map((window) => window.seconds));
  const latencyMs = windows.map((window) => window.latencyMs).reduce(merge, emptyHistogram());
  return {
    requestsPerSecond: seconds > 0 ? sum(windows.map((window) => window.requests)) / seconds : 0,
    errors: sum(windows.map((window) => window.errors)),
    latencyMsP50: latencyMs.count > 0 ? quantile(latencyMs, 0.5) : null,
    latencyMsP95: latencyMs.count > 0 ? quantile(latencyMs, 0.95) : null,
    memoryMiB: last.memoryMiB,
    cores: last.cores,
    temperatureC: last.temperatureC,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
