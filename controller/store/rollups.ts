/**
 * Telemetry by the minute and by the hour. Windows are gathered as they are stored, and written
 * once a minute, one part of the fleet after the other: a part's roll-ups and the number of the
 * last window in them are one transaction, so that each window counts exactly once, however late it
 * comes and wherever a crash falls.
 */
import { sql, type Transaction } from 'kysely';
import { merge } from '../../shared/histogram.ts';
import { encodeJson } from '../../shared/json.ts';
import { Window } from '../../shared/protocol/messages.ts';
import { type Database, readStored } from './database.ts';
import type { StoredWindows } from './measurements.ts';
import { mergeReadings } from './rollup-readings.ts';
import { fleetParts, type Tables } from './schema.ts';

/** Seconds of a roll-up. */
export const rollupSpans = [60, 3600] as const;
export type RollupSpan = (typeof rollupSpans)[number];

export interface Rollups {
  /** What a transaction has stored; it is called in the order of the transactions. */
  add(stored: StoredWindows): void;
  /** Writes what was added. Returns the number of the last window that all roll-ups hold. */
  flush(): Promise<number>;
}

/** Windows read at once. */
const windowsMax = 1000;

type OnFault = (thrown: unknown) => void;

/**
 * Gathers at once what was stored and not written when the last controller ended. `onFault` hears
 * of what cannot be read: it is left out, since it would be met again at every start.
 */
export async function openRollups(db: Database, onFault: OnFault): Promise<Rollups> {
  const marks = await readMarks(db);
  const parts = Array.from({ length: fleetParts }, (): Minutes => new Map());
  let lastId = Math.max(...marks);
  const gather = ({ device, window, startMs }: StoredWindows['fresh'][number]) => {
    const minutes = parts[partOf(device)];
    if (minutes) addMinute(minutes, { device, span: 60, startMs }, window);
  };
  for await (const { id, ...stored } of windowsAfter(db, Math.min(...marks), onFault)) {
    lastId = Math.max(lastId, id);
    const { window, ...rest } = stored;
    if (window && id > (marks[partOf(rest.device)] ?? 0)) gather({ ...rest, window });
  }
  return {
    add({ fresh, lastId: last }) {
      for (const stored of fresh) gather(stored);
      lastId = Math.max(lastId, last);
    },
    async flush() {
      for (const part of parts.keys()) {
        const minutes = parts[part] ?? new Map();
        const upTo = lastId;
        if (marks[part] === upTo) continue;
        // What is stored meanwhile has higher numbers and goes into the next round.
        parts[part] = new Map();
        try {
          await writePart(db, { part, upTo, minutes, onFault });
          marks[part] = upTo;
        } catch (thrown) {
          const later = parts[part] ?? new Map();
          for (const { window, ...key } of minutes.values()) addMinute(later, key, window);
          throw thrown;
        }
      }
      return Math.min(...marks);
    },
  };
}

/** Deletes roll-ups that began before; returns how many went, at most `limit`. */
export async function collectRollups(
  db: Database,
  { span, beforeMs, limit }: { span: RollupSpan; beforeMs: number; limit: number },
): Promise<number> {
  const old = sql<unknown>`delete from rollups where (device, span, start_ms) in
    (select device, span, start_ms from rollups
      where span = ${span} and start_ms < ${beforeMs} limit ${limit})`;
  const { numAffectedRows } = await old.execute(db);
  return Number(numAffectedRows ?? 0);
}

/**
 * Two stretches of one device as one, which begins at `start`: counts and latencies add up, memory
 * and temperature are the highest, cores the mean by time. What only one variant answered keeps
 * its name. Of the readings, queue and drift are the highest, free disk the least, bytes add up,
 * frequency and power are the mean by time, batch by requests, and throttled is whether it ever
 * was. `seconds` is the time that was measured, at most `span`.
 */
export function mergeWindows(a: Window, b: Window, { start, span }: Stretch): Window {
  const same = a.variant === b.variant && a.model === b.model && a.version === b.version;
  const measured = a.seconds + b.seconds;
  const hottest = [a.temperatureC, b.temperatureC].filter((value) => value !== null);
  return {
    seq: Math.max(a.seq, b.seq),
    start,
    seconds: Math.min(span, measured),
    model: same ? a.model : null,
    version: same ? a.version : null,
    variant: same ? a.variant : null,
    requests: a.requests + b.requests,
    errors: a.errors + b.errors,
    latencyMs: { ...merge(a.latencyMs, b.latencyMs) },
    memoryMiB: Math.max(a.memoryMiB, b.memoryMiB),
    cores: measured > 0 ? (a.cores * a.seconds + b.cores * b.seconds) / measured : 0,
    temperatureC: hottest.length > 0 ? Math.max(...hottest) : null,
    ...mergeReadings(a, b),
  };
}

interface Stretch {
  /** ISO 8601. */
  readonly start: string;
  readonly span: RollupSpan;
}

interface Key {
  readonly device: string;
  readonly span: RollupSpan;
  readonly startMs: number;
}

type Minutes = Map<string, Key & { window: Window }>;

/** A stable number below `fleetParts`: FNV-1a in 32 bits (Fowler, Noll, Vo). */
function partOf(device: string): number {
  let hash = 0x81_1c_9d_c5;
  for (const byte of Buffer.from(device)) hash = Math.imul(hash ^ byte, 0x01_00_01_93) >>> 0;
  return hash % fleetParts;
}

function addMinute(groups: Minutes, { device, span, startMs }: Key, window: Window): void {
  const begins = startMs - (startMs % (span * 1000));
  const key = `${device} ${begins}`;
  const group = groups.get(key);
  const stretch = { start: new Date(begins).toISOString(), span };
  if (group) group.window = mergeWindows(group.window, window, stretch);
  else
    groups.set(key, {
      ...{ device, span, startMs: begins },
      window: { ...window, start: stretch.start },
    });
}

async function readMarks(db: Database): Promise<number[]> {
  const rows = await db.selectFrom('rolled').selectAll().execute();
  const marks = new Map(rows.map(({ part, window_id }) => [part, window_id]));
  return Array.from({ length: fleetParts }, (_, part) => marks.get(part) ?? 0);
}

async function* windowsAfter(db: Database, mark: number, onFault: OnFault) {
  for (let last = mark; ; ) {
    const rows = await db
      .selectFrom('windows')
      .selectAll()
      .where('id', '>', last)
      .orderBy('id')
      .limit(windowsMax)
      .execute();
    for (const { id, device, start_ms, document } of rows) {
      const window = readStored(Window, document, onFault);
      yield { id, device, startMs: start_ms, window };
      last = id;
    }
    if (rows.length < windowsMax) return;
  }
}

interface Part {
  readonly part: number;
  readonly upTo: number;
  readonly minutes: Minutes;
  readonly onFault: OnFault;
}

async function writePart(db: Database, { part, upTo, minutes, onFault }: Part): Promise<void> {
  const hours: Minutes = new Map();
  for (const { device, startMs, window } of minutes.values()) {
    addMinute(hours, { device, span: 3600, startMs }, window);
  }
  await db.transaction().execute(async (inside) => {
    for (const group of [...minutes.values(), ...hours.values()])
      await mergeInto(inside, group, onFault);
    await inside.updateTable('rolled').set({ window_id: upTo }).where('part', '=', part).execute();
  });
}

async function mergeInto(
  db: Transaction<Tables>,
  { device, span, startMs, window }: Key & { window: Window },
  onFault: OnFault,
): Promise<void> {
  const stored = await db
    .selectFrom('rollups')
    .select('document')
    .where('device', '=', device)
    .where('span', '=', span)
    .where('start_ms', '=', startMs)
    .executeTakeFirst();
  const stretch = { start: window.start, span };
  const before = stored ? readStored(Window, stored.document, onFault) : null;
  const merged = before ? mergeWindows(before, window, stretch) : window;
  const row = { document: encodeJson(merged) };
  await db
    .insertInto('rollups')
    .values({ device, span, start_ms: startMs, ...row })
    .onConflict((conflict) => conflict.columns(['device', 'span', 'start_ms']).doUpdateSet(row))
    .execute();
}
