/** The devices that pass the filter, in order; rows change places no faster than one can read. */
import { useRef } from 'preact/hooks';
import type { Store } from '../state/store.ts';
import { parseFilter } from './filter.ts';
import { type Order, sortDevices } from './sort.ts';

export interface Shown {
  readonly names: readonly string[];
  /** At least the largest p95 among them, as a round figure: the full length of a bar. */
  readonly longestMs: number;
}

interface Held {
  readonly ranks: ReadonlyMap<string, number>;
  readonly filter: string;
  readonly order: Order;
  readonly atMs: number;
  readonly shown: Shown;
}

/** A list that nobody asked to change keeps its order for so long, while its cells stay live. */
const settledMs = 2000;

/** The same object until the list is made anew. */
export function useShown(store: Store, filter: string, order: Order): Shown {
  const held = useRef<Held | null>(null);
  const ranks = store.ranks();
  const atMs = performance.now();
  const { current } = held;
  if (current?.ranks === ranks && current.filter === filter && current.order === order) {
    if (atMs - current.atMs < settledMs) return current.shown;
  }
  const passes = parseFilter(filter);
  const chosen = [...store.devices.values()].filter(passes);
  const names = sortDevices(chosen, order, ranks).map(({ device }) => device);
  let longestMs = 0;
  for (const { recent } of chosen) longestMs = Math.max(longestMs, recent?.latencyMsP95 ?? 0);
  const shown = { names, longestMs: roundUp(longestMs) };
  held.current = { ranks, filter, order, atMs, shown };
  return shown;
}

/** To 1, 2 or 5 times a power of ten: bars keep their scale while the largest value wanders. */
export function roundUp(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5].find((step) => step * power >= value) ?? 10) * power;
}
