/** What every view is handed: the API, the store, and how to follow them. */
import { createContext } from 'preact';
import { useContext, useEffect, useReducer, useState } from 'preact/hooks';
import type { Api } from '../api/client.ts';
import type { Store, Topic } from './store.ts';

export interface World {
  readonly api: Api;
  readonly store: Store;
  /** Tries the connection again; with a token, with that one from now on. */
  connect(token?: string): void;
  /** Whether a token was ever brought along or typed in. */
  hasToken(): boolean;
  readonly ticker: Ticker;
}

/** The present, once a second. */
export interface Ticker {
  now(): number;
  subscribe(listener: () => void): () => void;
}

export const WorldContext = createContext<World | null>(null);

export function useWorld(): World {
  const world = useContext(WorldContext);
  if (world === null) throw new Error('a view was drawn outside the page');
  return world;
}

/** Draws again after changes of these topics; returns a number that rises with them. */
export function useTopics(...topics: readonly Topic[]): number {
  const { store } = useWorld();
  const [version, bump] = useReducer<number, void>((count) => count + 1, 0);
  useEffect(() => {
    const stops = topics.map((topic) => store.subscribe(topic, () => bump()));
    return () => {
      for (const stop of stops) stop();
    };
  }, [store]);
  return version;
}

/** The present in milliseconds, drawn again every second. */
export function useNow(): number {
  const { ticker } = useWorld();
  const [now, setNow] = useState(ticker.now());
  useEffect(() => ticker.subscribe(() => setNow(ticker.now())), [ticker]);
  return now;
}

export function createTicker(): Ticker {
  const listeners = new Set<() => void>();
  setInterval(() => {
    for (const listener of listeners) listener();
  }, 1000);
  return {
    now: () => Date.now(),
    subscribe(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
}
