/** What changed, for whoever watches: the source of server-sent events. */

import { encodeJson } from '../shared/json.ts';
import type { LiveEvents } from '../shared/protocol/api.ts';

export type LiveName = keyof LiveEvents;

export interface LiveChange {
  readonly name: LiveName;
  /** Names the thing that changed: a newer change of the same key replaces an older one. */
  readonly key: string;
  /** The document as JSON, made once for all watchers; '' where it has no form. */
  readonly json: () => string;
}

export interface Live {
  /** Tells the watchers; the document is only made where somebody watches. */
  publish<Name extends LiveName>(name: Name, key: string, document: () => LiveEvents[Name]): void;
  /** Returns what ends the watching. */
  watch(onChange: (change: LiveChange) => void): () => void;
  readonly watchers: number;
}

/** `onFault` hears of a document that cannot be shown; who watches is told the rest. */
export function createLive(onFault: (thrown: unknown) => void = () => {}): Live {
  const watchers = new Set<(change: LiveChange) => void>();
  return {
    publish(name, key, document) {
      if (watchers.size === 0) return;
      let text: string | null = null;
      const json = () => {
        try {
          text ??= encodeJson(document());
        } catch (thrown) {
          onFault(thrown);
          text = '';
        }
        return text;
      };
      for (const watcher of watchers) {
        try {
          watcher({ name, key: `${name}/${key}`, json });
        } catch (thrown) {
          onFault(thrown);
        }
      }
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
