/** What the page knows of the fleet, and who wants to hear when it changes. */
import type {
  DeviceSummary,
  LiveEvents,
  ModelRecord,
  VariantRecord,
} from '../../../shared/protocol/api.ts';
import type { PersonRole } from '../../../shared/protocol/people.ts';
import type { RolloutRecord } from '../../../shared/protocol/rollouts.ts';
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
  status(): Status;
  /** Whether the lists were ever filled. */
  loaded(): boolean;
  /** A device's place among all by name. */
  rankOf(device: string): number;
  setStatus(status: Status): void;
  replace(snapshot: Snapshot): void;
  addVariants(variants: readonly VariantRecord[]): void;
  apply<K extends keyof LiveEvents>(kind: K, document: LiveEvents[K]): void;
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
  const bell = createBell(schedule);
  let ranks: Map<string, number> | null = null;
  let status: Status = { state: 'connecting' };
  let loaded = false;
  const put: Puts = {
    device(document: DeviceSummary) {
      if (!devices.has(document.device)) ranks = null;
      devices.set(document.device, document);
      trend.add(document);
      bell.ring('devices');
    },
    model(document: ModelRecord) {
      models.set(modelKey(document), document);
      bell.ring('models');
    },
    variant(document: VariantRecord) {
      variants.set(document.id, document);
      bell.ring('variants');
    },
    rollout(document: RolloutRecord) {
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
    status: () => status,
    loaded: () => loaded,
    rankOf(device) {
      ranks ??= rankNames(devices.keys());
      return ranks.get(device) ?? ranks.size;
    },
    setStatus(next) {
      status = next;
      bell.ring('status');
    },
    replace(snapshot) {
      devices.clear();
      models.clear();
      rollouts.clear();
      ranks = null;
      loaded = true;
      for (const device of snapshot.devices) put.device(device);
      for (const model of snapshot.models) put.model(model);
      for (const rollout of snapshot.rollouts) put.rollout(rollout);
      for (const topic of topics) bell.ring(topic);
    },
    addVariants: (added) => added.forEach(put.variant),
    apply: (kind, document) => put[kind](document),
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
