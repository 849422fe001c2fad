/**
 * Keeps the store in step with the controller: listens, loads the lists, and begins again after a
 * break.
 */
import type { Answer, Api, Fault } from '../api/client.ts';
import { createSseParser, type SseEvent } from '../api/sse.ts';
import type { Snapshot, Store } from './store.ts';

/** Waits between attempts; the last one repeats. */
const retryMs = [500, 1000, 2000, 4000, 8000] as const;
/**
 * The controller sends a comment at least every 15 seconds; a line silent for longer than this is
 * dead.
 */
const silenceMs = 45_000;

/** How long events are applied at a stretch. */
const sliceMsMax = 4;

export interface Live {
  /** Tries again now, after a new token or because the user asked. */
  retry(): void;
  stop(): void;
}

export function startLive(api: Api, store: Store): Live {
  const stopped = new AbortController();
  let wake = () => {};
  let failures = 0;
  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const loop = async () => {
    while (!stopped.signal.aborted) {
      const fault = await follow({
        api,
        store,
        stopped: stopped.signal,
        onLive: () => (failures = 0),
      });
      if (stopped.signal.aborted) return;
      showFault(store, fault);
      await pause(isRefusal(fault) ? 2 ** 31 - 1 : waitMs(failures));
      failures += 1;
    }
  };
  void loop();
  return {
    retry() {
      failures = 0;
      wake();
    },
    stop() {
      stopped.abort();
      wake();
    },
  };
}

interface Follow {
  readonly api: Api;
  readonly store: Store;
  readonly stopped: AbortSignal;
  readonly onLive: () => void;
}

/** One connection, until it breaks; returns why. */
async function follow({ api, store, stopped, onLive }: Follow): Promise<Fault> {
  const dead = new AbortController();
  const stream = await api.events(AbortSignal.any([stopped, dead.signal]));
  if (!stream.ok) return stream.fault;
  // What happens while the lists are on their way is newer than the lists: it is held back and
  // applied after them.
  let held: SseEvent[] | null = [];
  const take = (event: SseEvent) => (held ? held.push(event) : applyEvent(store, event));
  const listening = listen({ stream: stream.value, dead, take });
  const [session, lists] = await Promise.all([api.session(), loadLists(api, store)]);
  if (!session.ok) return ended(dead, session.fault);
  if (!lists.ok) return ended(dead, lists.fault);
  store.replace(lists.value);
  for (const event of held) applyEvent(store, event);
  held = null;
  store.setStatus({ state: 'live', role: session.value.role });
  onLive();
  return listening;
}

function ended(connection: AbortController, fault: Fault): Fault {
  connection.abort();
  return fault;
}

interface Listening {
  readonly stream: ReadableStream<Uint8Array>;
  readonly dead: AbortController;
  readonly take: (event: SseEvent) => void;
}

async function listen({ stream, dead, take }: Listening): Promise<Fault> {
  const parse = createSseParser();
  const text = new TextDecoder();
  const reader = stream.getReader();
  let watchdog = setTimeout(() => dead.abort(), silenceMs);
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => dead.abort(), silenceMs);
      let sliceMs = performance.now();
      for (const event of parse(text.decode(read.value, { stream: true }))) {
        take(event);
        if (performance.now() - sliceMs < sliceMsMax) continue;
        // Many events at once are taken between frames, not instead of them.
        await new Promise((resolve) => setTimeout(resolve));
        sliceMs = performance.now();
      }
    }
    return unreachable('The controller ended the connection.');
  } catch (thrown) {
    return unreachable(thrown instanceof Error ? thrown.message : String(thrown));
  } finally {
    clearTimeout(watchdog);
  }
}

async function loadLists(api: Api, store: Store): Promise<Answer<Snapshot>> {
  const [devices, models, rollouts] = await Promise.all([
    api.devices((page) => store.fill(page)),
    api.models(),
    api.rollouts(),
  ]);
  if (!devices.ok) return devices;
  if (!models.ok) return models;
  if (!rollouts.ok) return rollouts;
  const value = { devices: devices.value, models: models.value, rollouts: rollouts.value };
  return { ok: true, value };
}

/** Events of kinds this page doesn't know are of a newer controller, and none of its business. */
function applyEvent(store: Store, { name, data }: SseEvent): void {
  switch (name) {
    case 'device':
      store.apply(name, JSON.parse(data));
      break;
    case 'reading':
      store.apply(name, JSON.parse(data));
      break;
    case 'log':
      store.apply(name, JSON.parse(data));
      break;
    case 'gone':
      store.apply(name, JSON.parse(data));
      break;
    case 'model':
      store.apply(name, JSON.parse(data));
      break;
    case 'variant':
      store.apply(name, JSON.parse(data));
      break;
    case 'rollout':
      store.apply(name, JSON.parse(data));
      break;
  }
}

function showFault(store: Store, fault: Fault): void {
  if (isRefusal(fault)) {
    store.setStatus({ state: 'unauthorized', reason: fault.message });
    return;
  }
  const before = store.status();
  const sinceMs = before.state === 'offline' ? before.sinceMs : Date.now();
  store.setStatus({ state: 'offline', sinceMs, reason: fault.message });
}

/** Asking again with the same token would not help. */
function isRefusal({ kind }: Fault): boolean {
  return kind === 'unauthorized' || kind === 'forbidden';
}

function waitMs(failures: number): number {
  const base = retryMs[Math.min(failures, retryMs.length - 1)] ?? 8000;
  // Jitter, so that a room full of open pages doesn't come back in the same instant.
  return base * (0.75 + Math.random() / 2);
}

function unreachable(message: string): Fault {
  return { kind: 'unreachable', message, hint: 'Is the controller running?' };
}
