/**
 * The log of each device: what it says of itself and what the controller knows of it, by the time
 * of happening. What happens over and over is one entry a minute with a count, and of each kind the
 * oldest go when there are too many: a connection that comes and goes hides no error.
 */
import { type Kysely, sql } from 'kysely';
import { cleanText } from '../shared/json.ts';
import type { LogEntry, LogKind, LogLevel } from '../shared/protocol/device-log.ts';
import type { Tables } from './store/schema.ts';
import { instant } from './world.ts';

export interface EventRecord {
  readonly device: string;
  readonly kind: LogKind;
  readonly atMs: number;
  readonly level: LogLevel;
  readonly code: string;
  readonly message: string;
  /** How often it happened; once where it isn't said. */
  readonly times?: number;
}

const messageCharsMax = 4000;

/** Of a kind, at a time: what a smaller setting leaves over goes bit by bit. */
const trimmedMax = 1000;
/** What is the same within this time is one entry. */
const foldMs = 60_000;
export interface DeviceEntry {
  readonly device: string;
  readonly entry: LogEntry;
}

/** Adds the events, or counts them, and keeps the newest `keep` of each kind of their devices. */
export async function insertEvents(
  db: Kysely<Tables>,
  events: readonly EventRecord[],
  keep: number,
): Promise<readonly DeviceEntry[]> {
  const entries: DeviceEntry[] = [];
  for (const event of events) entries.push({ device: event.device, entry: await put(db, event) });
  for (const key of new Set(events.map(({ device, kind }) => `${kind} ${device}`))) {
    const [kind, device] = key.split(' ');
    const oldest = sql`delete from events where id in
      (select id from events where device = ${device} and kind = ${kind}
        order by at_ms desc, id desc limit ${trimmedMax} offset ${keep})`;
    await oldest.execute(db);
  }
  return entries;
}

type Row = Omit<Tables['events'], 'id'>;

async function put(db: Kysely<Tables>, event: EventRecord): Promise<LogEntry> {
  const { device, kind, atMs, level, code, times = 1 } = event;
  const message = stored(event.message);
  const row: Row = { device, kind, at_ms: atMs, last_ms: atMs, times, level, code, message };
  const before = await sameBefore(db, row);
  if (!before) {
    await db.insertInto('events').values(row).execute();
    return entryOf(row);
  }
  const last_ms = Math.max(before.last_ms, atMs);
  // Of a connection it is the losses that count.
  const more = kind === 'connection' && level === 'info' ? 0 : times;
  const folded = { last_ms, times: before.times + more, level, code, message };
  await db.updateTable('events').set(folded).where('id', '=', before.id).execute();
  return entryOf({ ...before, ...folded });
}

/**
 * The entry of less than a minute ago that says the same. Of connections it is the one of a loss,
 * whatever came of it: that one went and came back is one fact.
 */
function sameBefore(db: Kysely<Tables>, { device, kind, at_ms, code, message }: Row) {
  const near = db
    .selectFrom('events')
    .selectAll()
    .where('device', '=', device)
    .where('kind', '=', kind)
    .where('at_ms', '>', at_ms - foldMs)
    .where('at_ms', '<=', at_ms);
  const same =
    kind === 'connection'
      ? near.where((is) => is.or([is('level', '=', 'warn'), is('last_ms', '>', is.ref('at_ms'))]))
      : near.where('code', '=', code).where('message', '=', message);
  return same.orderBy('at_ms', 'desc').orderBy('id', 'desc').limit(1).executeTakeFirst();
}

export function entryOf(row: Row): LogEntry {
  const { kind, level, code, message, times } = row;
  return {
    ...{ at: instant(row.at_ms), lastAt: instant(row.last_ms), times },
    ...{ kind, level, code, message },
  };
}

function stored(message: string): string {
  return cleanText(message.slice(0, messageCharsMax));
}
