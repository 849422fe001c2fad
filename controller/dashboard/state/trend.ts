/** The last throughputs of every device, for the sparkline of its row. */
import type { DeviceSummary } from '../../../shared/protocol/api.ts';

/** Points of a sparkline. */
const pointsMax = 24;

export interface Trend {
  add(device: DeviceSummary): void;
  forget(device: string): void;
  /** Requests a second, oldest first. The same array until a value is added. */
  of(device: string): readonly number[];
}

export function createTrend(): Trend {
  const rates = new Map<string, readonly number[]>();
  const none: readonly number[] = [];
  return {
    add({ device, recent }) {
      if (recent === null) return;
      const held = rates.get(device) ?? none;
      rates.set(device, [...held.slice(1 - pointsMax), recent.requestsPerSecond]);
    },
    forget: (device) => void rates.delete(device),
    of: (device) => rates.get(device) ?? none,
  };
}
