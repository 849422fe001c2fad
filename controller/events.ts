/**
 * What is said about a device, by itself or by the controller; the oldest go when there are too
 * many.
 */
import { type Kysely, sql } from 'kysely';
import { cleanText } from '../shared/json.ts';
import type { Tables } from './store/schema.ts';
import type { World } from './world.ts';

export interface EventRecord {
  readonly device: string;
  readonly atMs: number;
  readonly level: 'info' | 'warn' | 'error';
  readonly code: string;
  readonly message: string;
}

const messageCharsMax = 4000;

/**
 * The same complaint about a device is recorded once in this time, however often there is cause.
 */
const quietMs = 60_000;
/** Complaints remembered; beyond that all are forgotten, and may be recorded again. */
const remembered = 10_000;

/**
 * Records complaints about devices, each at most once a minute: who misbehaves may do so
 * often.
 */
export function createComplaints(
  world: World,
): (event: Pick<EventRecord, 'device' | 'level' | 'code' | 'message'>) => void {
  const last = new Map<string, number>();
  return (given) => {
    const event = { ...given, message: stored(given.message) };
    const key = `${event.device} ${event.code} ${event.message}`;
    const now = world.now();
    if (now - (last.get(key) ?? Number.NEGATIVE_INFINITY) < quietMs) return;
    if (last.size >= remembered) last.clear();
    last.set(key, now);
    noteEvent(world, event);
  };
}

/** Records an event of the controller about a device; a failure to do so is logged, not thrown. */
export function noteEvent(world: World, event: Omit<EventRecord, 'atMs'>): void {
  const record = { ...event, atMs: world.now() };
  insertEvents(world.db, [record], world.settings.eventsPerDevice).catch((thrown) =>
    world.log.error({ err: thrown, event }, 'event not recorded'),
  );
}

function stored(message: string): string {
  return cleanText(message.slice(0, messageCharsMax));
}

/** Adds the events and keeps the newest `keep` of each device they speak of. */
export async function insertEvents(
  db: Kysely<Tables>,
  events: readonly EventRecord[],
  keep: number,
): Promise<void> {
  for (const { atMs, message, ...event } of events) {
    const row = { ...event, at_ms: atMs, message: stored(message) };
    await db.insertInto('events').values(row).execute();
  }
  for (const device of new Set(events.map((event) => event.device))) {
    const oldest = sql`delete from events where device = ${device} and id <=
      (select id from events where device = ${device} order by id desc limit 1 offset ${keep})`;
    await oldest.execute(db);
  }
}
