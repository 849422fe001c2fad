/**
 * The fleet in a few numbers: totals, and what each hardware class settled on. Kept up with every
 * change, because counting ten thousand devices anew for each would cost frames.
 */
import type { DeviceSummary } from '../../../shared/protocol/api.ts';
import { type Health, healthOf, noTally, type Tally } from '../state/health.ts';
import { createMedian, type Median } from './median.ts';

export interface Totals {
  readonly devices: number;
  readonly health: Tally;
  readonly requestsPerSecond: number;
  readonly errors: number;
  /** p95 of the device in the middle, within 1 %; null where none reports one. */
  readonly medianMsP95: number | null;
}

export interface ClassLine extends Totals {
  /** '' for devices that never said what they are. */
  readonly name: string;
  /** What most of the class serve, and how many of them. */
  readonly variant: string | null;
  readonly variantShare: number;
}

export interface Overview {
  /** One device as it was and as it is; null where it was or is not there. */
  swap(before: DeviceSummary | null, after: DeviceSummary | null): void;
  totals(): Totals;
  /** One line a hardware class, the largest first; devices without one come last. */
  lines(): ClassLine[];
}

interface Group {
  devices: number;
  readonly health: Record<Health, number>;
  requestsPerSecond: number;
  errors: number;
  readonly medianMsP95: Median;
  readonly variants: Map<string, number>;
}

export function createOverview(): Overview {
  const all = emptyGroup();
  const classes = new Map<string, Group>();
  const count = (device: DeviceSummary, by: 1 | -1) => {
    const name = device.hardwareClass ?? '';
    const group = classes.get(name) ?? emptyGroup();
    classes.set(name, group);
    countIn(all, device, by);
    countIn(group, device, by);
    if (group.devices === 0) classes.delete(name);
  };
  return {
    swap(before, after) {
      if (before) count(before, -1);
      if (after) count(after, 1);
    },
    totals: () => totalsOf(all),
    lines: () =>
      [...classes]
        .map(([name, group]) => lineOf(name, group))
        .sort(
          (a, b) =>
            Number(a.name === '') - Number(b.name === '') ||
            b.devices - a.devices ||
            (a.name < b.name ? -1 : 1),
        ),
  };
}

function emptyGroup(): Group {
  return {
    devices: 0,
    health: { ...noTally },
    requestsPerSecond: 0,
    errors: 0,
    medianMsP95: createMedian(),
    variants: new Map(),
  };
}

function countIn(group: Group, device: DeviceSummary, by: 1 | -1): void {
  const { online, recent, reported } = device;
  group.devices += by;
  group.health[healthOf(device)] += by;
  if (online && recent) {
    group.requestsPerSecond += by * recent.requestsPerSecond;
    group.errors += by * recent.errors;
  }
  if (recent?.latencyMsP95) group.medianMsP95.count(recent.latencyMsP95, by);
  const variant = reported?.serving?.recipeName;
  if (variant !== undefined) {
    group.variants.set(variant, (group.variants.get(variant) ?? 0) + by);
  }
}

function totalsOf(group: Group): Totals {
  const { devices, health, errors } = group;
  return {
    devices,
    health: { ...health },
    // Sums of what came and went again end a hair beside zero.
    requestsPerSecond: Math.max(0, Math.round(group.requestsPerSecond * 1e6) / 1e6),
    errors,
    medianMsP95: group.medianMsP95.value(),
  };
}

function lineOf(name: string, group: Group): ClassLine {
  const [variant, serving] = [...group.variants].reduce<readonly [string | null, number]>(
    (best, entry) => (entry[1] > best[1] ? entry : best),
    [null, 0],
  );
  return { ...totalsOf(group), name, variant, variantShare: serving / group.devices };
}
