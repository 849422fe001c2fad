/** What the page knows of the fleet, and who wants to hear when it changes. */
import type {
  DeviceSummary,
  LiveEvents,
  ModelRecord,
  VariantRecord,
} from '../../../shared/protocol/api.ts';
import type { LogEntry } from '../../../shared/protocol/device-log.ts';
import type { PersonRole } from '../../../shared/protocol/people.ts';
import type { RolloutRecord } from '../../../shared/protocol/rollouts.ts';
import { createRoster, type Roster } from './roster.ts';

export const topics = ['devices', 'logs', 'models', 'variants', 'rollouts', 'status'] as const;
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

export interface Store extends Pick<Roster, 'devices' | 'trend' | 'overview' | 'ranks'> {
  /** The newest entry of the log of each device that had one since the page was opened. */
  readonly logs: ReadonlyMap<string, LogEntry>;
  readonly models: ReadonlyMap<string, ModelRecord>;
  readonly variants: ReadonlyMap<string, VariantRecord>;
  readonly rollouts: ReadonlyMap<string, RolloutRecord>;
  status(): Status;
  /** Whether there is something to show: the first part of the devices, or all the lists. */
  loaded(): boolean;
  /** Whether the lists were ever complete. */
  complete(): boolean;
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
  const logs = new Map<string, LogEntry>();
  const models = new Map<string, ModelRecord>();
  const variants = new Map<string, VariantRecord>();
  const rollouts = new Map<string, RolloutRecord>();
  const bell = createBell(schedule);
  const roster = createRoster(() => bell.ring('devices'));
  let status: Status = { state: 'connecting' };
  let loaded = false;
  let complete = false;
  const put: Puts = {
    device: roster.put,
    reading: roster.read,
    log({ device, entry }) {
      logs.set(device, entry);
      bell.ring('logs');
    },
    model(document) {
      if (document.archivedAt) models.delete(modelKey(document));
      else models.set(modelKey(document), document);
      bell.ring('models');
    },
    variant(document) {
      variants.set(document.id, document);
      bell.ring('variants');
    },
    rollout(document) {
      if (document.archivedAt) rollouts.delete(document.id);
      else rollouts.set(document.id, document);
      bell.ring('rollouts');
    },
    gone({ kind, key }) {
      (kind === 'model' ? models : rollouts).delete(key);
      bell.ring(kind === 'model' ? 'models' : 'rollouts');
    },
  };
  return {
    ...roster,
    logs,
    models,
    variants,
    rollouts,
    status: () => status,
    loaded: () => loaded,
    complete: () => complete,
    setStatus(next) {
      status = next;
      bell.ring('status');
    },
    fill(part) {
      if (complete) return;
      part.forEach(roster.put);
      loaded = true;
      bell.ring('status');
    },
    replace(snapshot) {
      roster.keep(snapshot.devices);
      models.clear();
      rollouts.clear();
      loaded = true;
      complete = true;
      snapshot.models.forEach(put.model);
      snapshot.rollouts.forEach(put.rollout);
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
