/** What changed, for whoever watches: the source of server-sent events. */

import { encodeJson } from '../shared/json.ts';
import type { LiveEvents } from '../shared/protocol/api.ts';

export type LiveName = keyof LiveEvents;

export interface LiveChange {
  readonly name: LiveName;
  /** Names the thing that changed: a newer change of the same key replaces an older one. */
  readonly key: string;
  /** The document as JSON, made once for all watchers. */
  readonly json: () => string;
}

export interface Live {
  /** Tells the watchers; the document is only made where somebody watches. */
  publish<Name extends LiveName>(name: Name, key: string, document: () => LiveEvents[Name]): void;
  /** Returns what ends the watching. */
  watch(onChange: (change: LiveChange) => void): () => void;
  readonly watchers: number;
}

export function createLive(): Live {
  const watchers = new Set<(change: LiveChange) => void>();
  return {
    publish(name, key, document) {
      if (watchers.size === 0) return;
      let text: string | null = null;
      const json = () => {
        text ??= encodeJson(document());
        return text;
      };
      for (const watcher of watchers) watcher({ name, key: `${name}/${key}`, json });
    },
    watch(onChange) {
      watchers.add(onChange);
      return () => watchers.delete(onChange);
    },
    get watchers() {
      return watchers.size;
    },
  };
}
