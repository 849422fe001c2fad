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
 * A sorted copy. `ranks` is each device's place by name. A key and a rank make one number each, so
 * that the engine sorts plain numbers: ten thousand devices take a millisecond or two.
 */
export function sortDevices(
  devices: readonly DeviceSummary[],
  order: Order,
  ranks: ReadonlyMap<string, number>,
): DeviceSummary[] {
  const keyOf: (device: DeviceSummary) => Key = sortKeys[order.column];
  const ordinals = ordinalsOf(devices.map(keyOf), order.descending);
  const turned = order.column === 'name' && order.descending;
  const packed = new Float64Array(devices.length);
  const byRank: DeviceSummary[] = [];
  devices.forEach((device, index) => {
    const place = ranks.get(device.device) ?? ranks.size;
    const rank = turned ? ranks.size - place : place;
    byRank[rank] = device;
    packed[index] = (ordinals[index] ?? 0) * ranksMax + rank;
  });
  return [...packed.sort()].flatMap((number) => byRank[number % ranksMax] ?? []);
}

/** More devices than one page will hold; two such places are exact in a number's 53 bits. */
const ranksMax = 2 ** 20;

/** Each key's place among the keys; what has no value comes last either way. */
function ordinalsOf(keys: readonly Key[], descending: boolean): number[] {
  const numbers = Float64Array.from(keys.filter((key) => typeof key === 'number')).sort();
  const words = keys.filter((key) => typeof key === 'string').sort();
  const sorted = new Set<Key>([...numbers, ...words]);
  const places = new Map([...sorted].map((key, place) => [key, place]));
  return keys.map((key) => {
    const place = places.get(key);
    if (place === undefined) return ranksMax;
    return descending ? ranksMax - 1 - place : place;
  });
}

/** Places of names in natural order: `node-2` before `node-10`. */
export function rankNames(names: Iterable<string>): Map<string, number> {
  const collator = new Intl.Collator('en', { numeric: true });
  const sorted = [...names].sort(collator.compare);
  return new Map(sorted.map((name, rank) => [name, rank]));
}
