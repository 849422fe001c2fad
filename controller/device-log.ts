/** Where parts of the controller write what they know of devices, in order. */
import { cleanText } from '../shared/json.ts';
import { type DeviceEntry, type EventRecord, insertEvents } from './events.ts';
import type { World } from './world.ts';

export type Noted = Omit<EventRecord, 'atMs'>;

export interface DeviceLog {
  /** Never throws: what cannot be stored is in the controller's own log. */
  note(events: readonly Noted[]): void;
  /** Resolves when everything noted so far is stored. */
  settled(): Promise<void>;
}

/** Entries that may wait for the database; more are left out, and counted. */
const waitingMax = 50_000;
const batch = 500;

type Needs = Pick<World, 'db' | 'live' | 'settings' | 'log' | 'now'>;

export function createDeviceLog(needs: Needs): DeviceLog {
  const { db, settings, log, now } = needs;
  const waiting: EventRecord[] = [];
  let running: Promise<void> | null = null;
  const drain = async () => {
    while (waiting.length > 0) {
      const events = waiting.splice(0, batch);
      try {
        const store = db.transaction();
        const keep = settings.eventsPerDevice;
        publishEntries(needs, await store.execute((tx) => insertEvents(tx, events, keep)));
      } catch (thrown) {
        log.error({ err: thrown, events }, 'entries of the log of devices not stored');
      }
    }
    running = null;
  };
  return {
    note(events) {
      const room = waitingMax - waiting.length;
      if (events.length > room) log.error(`${events.length - room} entries of devices left out`);
      for (const event of events.slice(0, room)) waiting.push({ ...event, atMs: now() });
      if (waiting.length > 0) running ??= drain();
    },
    async settled() {
      while (running) await running;
    },
  };
}

/** Tells who watches; the newest entry of a device stands for those before it. */
export function publishEntries(
  { live }: Pick<World, 'live'>,
  entries: readonly DeviceEntry[],
): void {
  for (const one of entries) live.publish('log', one.device, () => one);
}

/**
 * The same complaint about a device is recorded once in this time, however often there is cause.
 */
const quietMs = 60_000;
/** Complaints remembered; beyond that all are forgotten, and may be recorded again. */
const remembered = 10_000;

type Complaint = Pick<Noted, 'device' | 'level' | 'code' | 'message'>;

/**
 * Records complaints about devices, each at most once a minute and with its count: who
 * misbehaves may do so often.
 */
export function createComplaints({ deviceLog, now }: World): (event: Complaint) => void {
  const last = new Map<string, { readonly ms: number; unsaid: number }>();
  return (given) => {
    const event = { ...given, message: cleanText(given.message) };
    const key = `${event.device} ${event.code} ${event.message}`;
    const before = last.get(key);
    if (before && now() - before.ms < quietMs) {
      before.unsaid += 1;
      return;
    }
    if (last.size >= remembered) last.clear();
    last.set(key, { ms: now(), unsaid: 0 });
    deviceLog.note([{ ...event, kind: 'error', times: 1 + (before?.unsaid ?? 0) }]);
  };
}
