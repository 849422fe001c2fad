/**
 * Messages that a broker keeps for who subscribes later, by topic (MQTT 3.1.1, 3.3.1.3 and 4.7).
 */

interface Message {
  readonly topic: string;
  readonly payload: { readonly length: number };
}

export interface Retained<M extends Message> {
  /** Replaces what was kept for its topic; an empty payload removes it. */
  store(message: M): void;
  /** What the filters name, each message once a filter. */
  find(filters: readonly string[]): Iterable<M>;
}

export function createRetained<M extends Message>(): Retained<M> {
  const kept = new Map<string, M>();
  return {
    store(message) {
      if (message.payload.length === 0) kept.delete(message.topic);
      else kept.set(message.topic, { ...message });
    },
    *find(filters) {
      for (const filter of filters) {
        const exact = kept.get(filter);
        if (exact) yield exact;
        if (!/[+#]/.test(filter)) continue;
        for (const message of kept.values()) {
          if (matchesFilter(filter, message.topic)) yield message;
        }
      }
    },
  };
}

/**
 * Whether a filter with wildcards names the topic; wildcards don't reach topics that begin with
 * `$`.
 */
export function matchesFilter(filter: string, topic: string): boolean {
  const wanted = filter.split('/');
  const levels = topic.split('/');
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false;
  for (const [index, level] of wanted.entries()) {
    // [MQTT-4.7.1-2] `a/#` also names `a` itself.
    if (level === '#') return index <= levels.length;
    if (index >= levels.length) return false;
    if (level !== '+' && level !== levels[index]) return false;
  }
  return wanted.length === levels.length;
}
