/** The devices that pass the filter, in order; rows change places no faster than one can read. */
import { useRef } from 'preact/hooks';
import type { DeviceSummary } from '../../../shared/protocol/api.ts';
import type { Store } from '../state/store.ts';
import { parseFilter } from './filter.ts';
import { type Order, sortDevices } from './sort.ts';

interface Held {
  readonly question: string;
  readonly names: readonly string[];
  readonly atMs: number;
}

/** A list that nobody asked to change keeps its order for so long, while its cells stay live. */
const settledMs = 2000;

export function useShown(store: Store, filter: string, order: Order): DeviceSummary[] {
  const held = useRef<Held | null>(null);
  const { devices } = store;
  const question = JSON.stringify([filter, order, devices.size]);
  const nowMs = performance.now();
  const { current } = held;
  if (current?.question === question && nowMs - current.atMs < settledMs) {
    return current.names.flatMap((name) => devices.get(name) ?? []);
  }
  const chosen = [...devices.values()].filter(parseFilter(filter));
  const shown = sortDevices(chosen, order, store.rankOf);
  held.current = { question, names: shown.map((device) => device.device), atMs: nowMs };
  return shown;
}
