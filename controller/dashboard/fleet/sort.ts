/** The order of the fleet: by one column, then by name; what has no value comes last either way. */
import type { DeviceSummary } from '../../../shared/protocol/api.ts';
import { healthOf, healths } from '../state/health.ts';

type Key = number | string | null;

/** What each column sorts by. */
export const sortKeys = {
  name: () => null,
  state: (device) => healths.indexOf(healthOf(device)),
  class: (device) => device.hardwareClass,
  model: (device) => {
    const serving = device.reported?.serving;
    return serving ? `${serving.model}@${String(serving.version).padStart(8, '0')}` : null;
  },
  variant: (device) => device.reported?.serving?.recipeName ?? null,
  size: (device) => {
    const serving = device.reported?.serving;
    return serving ? serving.bytes / serving.sourceBytes : null;
  },
  p50: (device) => device.recent?.latencyMsP50 ?? null,
  p95: (device) => device.recent?.latencyMsP95 ?? null,
  rate: (device) => device.recent?.requestsPerSecond ?? null,
  memory: (device) => device.recent?.memoryMiB ?? null,
  temperature: (device) => device.recent?.temperatureC ?? null,
  seen: (device) => (device.lastSeen === null ? null : -Date.parse(device.lastSeen)),
} as const satisfies Record<string, (device: DeviceSummary) => Key>;

export type SortColumn = keyof typeof sortKeys;

export interface Order {
  readonly column: SortColumn;
  readonly descending: boolean;
}

export const defaultOrder: Order = { column: 'name', descending: false };

/** Columns of quantities start with their largest value, the others with their first. */
const startsDescending: ReadonlySet<SortColumn> = new Set([
  'p50',
  'p95',
  'rate',
  'memory',
  'temperature',
]);

/** The order after a click on a column: chosen first, turned round the second time. */
export function orderAfterClick(order: Order, column: SortColumn): Order {
  if (order.column === column) return { column, descending: !order.descending };
  return { column, descending: startsDescending.has(column) };
}

/**
 * A sorted copy. `rankOf` is each device's place by name: comparing 10,000 names at every update
 * would cost too much.
 */
export function sortDevices(
  devices: readonly DeviceSummary[],
  order: Order,
  rankOf: (device: string) => number,
): DeviceSummary[] {
  const key: (device: DeviceSummary) => Key = sortKeys[order.column];
  const turn = order.descending ? -1 : 1;
  const keyed = devices.map((device) => ({
    device,
    key: key(device),
    rank: rankOf(device.device),
  }));
  const byName = order.column === 'name' ? turn : 1;
  keyed.sort((a, b) => compareKeys(a.key, b.key, turn) || byName * (a.rank - b.rank));
  return keyed.map((entry) => entry.device);
}

/** Places of names in natural order: `node-2` before `node-10`. */
export function rankNames(names: Iterable<string>): Map<string, number> {
  const collator = new Intl.Collator('en', { numeric: true });
  const sorted = [...names].sort(collator.compare);
  return new Map(sorted.map((name, rank) => [name, rank]));
}

function compareKeys(a: Key, b: Key, turn: number): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return a < b ? -turn : turn;
}
