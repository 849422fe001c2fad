/** The devices that the page knows, and what is kept up with their every change. */
import type { DeviceReading, DeviceSummary } from '../../../shared/protocol/api.ts';
import { createOverview, type Overview } from '../fleet/overview.ts';
import { rankNames } from '../fleet/sort.ts';
import { createTrend, type Trend } from './trend.ts';

export interface Roster {
  readonly devices: ReadonlyMap<string, DeviceSummary>;
  readonly trend: Trend;
  /** The fleet in a few numbers. */
  readonly overview: Overview;
  /** Every name and its place among all by name, in that order; another map once names change. */
  ranks(): ReadonlyMap<string, number>;
  put(document: DeviceSummary): void;
  /** What telemetry changed of a device; nothing where there is none of its name. */
  read(reading: DeviceReading): void;
  /** These are all there are. */
  keep(all: readonly DeviceSummary[]): void;
}

export function createRoster(onChange: () => void): Roster {
  const devices = new Map<string, DeviceSummary>();
  const trend = createTrend();
  const overview = createOverview();
  let ranks: Map<string, number> | null = null;
  const put = (document: DeviceSummary) => {
    const before = devices.get(document.device) ?? null;
    if (before === document) return;
    if (before === null) ranks = null;
    devices.set(document.device, document);
    overview.swap(before, document);
    trend.add(document);
    onChange();
  };
  const drop = (name: string) => {
    overview.swap(devices.get(name) ?? null, null);
    devices.delete(name);
    trend.forget(name);
    ranks = null;
    onChange();
  };
  return {
    devices,
    trend,
    overview,
    ranks() {
      ranks ??= rankNames(devices.keys());
      return ranks;
    },
    put,
    read(reading) {
      const before = devices.get(reading.device);
      if (before) put({ ...before, ...reading });
    },
    keep(all) {
      const kept = new Set(all.map(({ device }) => device));
      for (const name of devices.keys()) if (!kept.has(name)) drop(name);
      all.forEach(put);
    },
  };
}
