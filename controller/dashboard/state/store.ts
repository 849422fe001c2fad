/** What the page knows of the fleet, and who wants to hear when it changes. */
import type {
  DeviceSummary,
  LiveEvents,
  ModelRecord,
  VariantRecord,
} from '../../../shared/protocol/api.ts';
import type { PersonRole } from '../../../shared/protocol/people.ts';
import type { RolloutRecord } from '../../../shared/protocol/rollouts.ts';
import { createOverview, type Overview } from '../fleet/overview.ts';
import { rankNames } from '../fleet/sort.ts';
import { createTrend, type Trend } from './trend.ts';

export const topics = ['devices', 'models', 'variants', 'rollouts', 'status'] as const;
export type Topic = (typeof topics)[number];

/** How the page stands with the controller. */
export type Status =
  | { readonly state: 'connecting' }
  | { readonly state: 'live'; readonly role: PersonRole }
  | { readonly state: 'offline'; readonly sinceMs: number; readonly reason: string }
  | { readonly state: 'unauthorized'; readonly reason: string };

export interface Snapshot {
  readonly devices: readonly DeviceSummary[];
  readonly models: readonly ModelRecord[];
  readonly rollouts: readonly RolloutRecord[];
}

export interface Store {
  readonly devices: ReadonlyMap<string, DeviceSummary>;
  readonly models: ReadonlyMap<string, ModelRecord>;
  readonly variants: ReadonlyMap<string, VariantRecord>;
  readonly rollouts: ReadonlyMap<string, RolloutRecord>;
  readonly trend: Trend;
  /** The fleet in a few numbers, kept up with every change. */
  readonly overview: Overview;
  status(): Status;
  /** Whether there is something to show: the first part of the devices, or all the lists. */
  loaded(): boolean;
  /** Whether the lists were ever complete. */
  complete(): boolean;
  /** Every name and its place among all by name, in that order; another map once names change. */
  ranks(): ReadonlyMap<string, number>;
  setStatus(status: Status): void;
  /** Part of the devices, while the lists are on their way for the first time. */
  fill(devices: readonly DeviceSummary[]): void;
  replace(snapshot: Snapshot): void;
  addVariants(variants: readonly VariantRecord[]): void;
  apply<K extends keyof LiveEvents>(kind: K, documents: readonly LiveEvents[K][]): void;
  /**
   * Calls `listener` after changes of a topic, at most every few hundred milliseconds. Returns how
   * to stop it.
   */
  subscribe(topic: Topic, listener: () => void): () => void;
}

/** Runs a task later; the page's is a timer, a test's runs it at once. */
export type Schedule = (task: () => void) => void;

export function modelKey(model: { readonly name: string; readonly version: number }): string {
  return `${model.name}@${model.version}`;
}

export function createStore(schedule: Schedule): Store {
  const devices = new Map<string, DeviceSummary>();
  const models = new Map<string, ModelRecord>();
  const variants = new Map<string, VariantRecord>();
  const rollouts = new Map<string, RolloutRecord>();
  const trend = createTrend();
  const overview = createOverview();
  const bell = createBell(schedule);
  let ranks: Map<string, number> | null = null;
  let status: Status = { state: 'connecting' };
  let loaded = false;
  let complete = false;
  const drop = (name: string) => {
    overview.swap(devices.get(name) ?? null, null);
    devices.delete(name);
    ranks = null;
    bell.ring('devices');
  };
  const put: Puts = {
    device(document) {
      const before = devices.get(document.device) ?? null;
      if (before === document) return;
      if (before === null) ranks = null;
      devices.set(document.device, document);
      overview.swap(before, document);
      trend.add(document);
      bell.ring('devices');
    },
    reading(document) {
      const before = devices.get(document.device);
      if (before) put.device({ ...before, ...document });
    },
    model(document) {
      models.set(modelKey(document), document);
      bell.ring('models');
    },
    variant(document) {
      variants.set(document.id, document);
      bell.ring('variants');
    },
    rollout(document) {
      rollouts.set(document.id, document);
      bell.ring('rollouts');
    },
  };
  return {
    devices,
    models,
    variants,
    rollouts,
    trend,
    overview,
    status: () => status,
    loaded: () => loaded,
    complete: () => complete,
    ranks() {
      ranks ??= rankNames(devices.keys());
      return ranks;
    },
    setStatus(next) {
      status = next;
      bell.ring('status');
    },
    fill(part) {
      if (complete) return;
      for (const device of part) put.device(device);
      loaded = true;
      bell.ring('status');
    },
    replace(snapshot) {
      const kept = new Set(snapshot.devices.map(({ device }) => device));
      for (const name of devices.keys()) if (!kept.has(name)) drop(name);
      models.clear();
      rollouts.clear();
      loaded = true;
      complete = true;
      for (const device of snapshot.devices) put.device(device);
      for (const model of snapshot.models) put.model(model);
      for (const rollout of snapshot.rollouts) put.rollout(rollout);
      for (const topic of topics) bell.ring(topic);
    },
    addVariants: (added) => added.forEach(put.variant),
    apply: (kind, documents) => documents.forEach(put[kind]),
    subscribe: bell.subscribe,
  };
}

/** What to do with a document of each kind. */
type Puts = { readonly [K in keyof LiveEvents]: (document: LiveEvents[K]) => void };

/** Tells listeners of the topics that changed, many changes at once. */
function createBell(schedule: Schedule) {
  const listeners = new Map<Topic, Set<() => void>>(topics.map((topic) => [topic, new Set()]));
  const rung = new Set<Topic>();
  const tell = () => {
    const changed = [...rung];
    rung.clear();
    for (const topic of changed) for (const listener of listeners.get(topic) ?? []) listener();
  };
  return {
    ring(topic: Topic) {
      if (rung.size === 0) schedule(tell);
      rung.add(topic);
    },
    subscribe(topic: Topic, listener: () => void) {
      listeners.get(topic)?.add(listener);
      return () => {
        listeners.get(topic)?.delete(listener);
      };
    },
  };
}
