/**
 * Telemetry by the minute and by the hour. Each stored window is merged into both exactly once, in
 * one transaction with the mark that it was: however late it comes, and wherever a crash falls.
 */
import { sql, type Transaction } from 'kysely';
import { merge } from '../../shared/histogram.ts';
import { Window } from '../../shared/protocol/messages.ts';
import { type Database, decodeStored } from './database.ts';
import { mergeReadings } from './rollup-readings.ts';
import type { Tables } from './schema.ts';

/** Seconds of a roll-up. */
export const rollupSpans = [60, 3600] as const;
export type RollupSpan = (typeof rollupSpans)[number];

/** Windows merged in one transaction, so that messages of devices don't wait for long. */
const windowsMax = 1000;

/** Merges windows that are not in the roll-ups yet. Returns how many; 0 where none was left. */
export async function rollUp(db: Database): Promise<number> {
  return await db.transaction().execute(async (inside) => {
    const rows = await inside
      .selectFrom('windows')
      .select(['device', 'spool', 'seq', 'start_ms', 'document'])
      .where('rolled', '=', 0)
      .orderBy('device')
      .orderBy('spool')
      .orderBy('seq')
      .limit(windowsMax)
      .execute();
    for (const { device, span, startMs, windows } of groupsOf(rows)) {
      await mergeInto(inside, { device, span, start_ms: startMs }, windows);
    }
    for (const [first, last] of runsOf(rows)) {
      await sql`update windows set rolled = 1 where device = ${first.device}
        and spool = ${first.spool} and seq between ${first.seq} and ${last.seq}`.execute(inside);
    }
    return rows.length;
  });
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

interface Row {
  readonly device: string;
  readonly spool: string;
  readonly seq: number;
  readonly start_ms: number;
  readonly document: string;
}

interface Group {
  readonly device: string;
  readonly span: RollupSpan;
  readonly startMs: number;
  readonly windows: Window[];
}

function groupsOf(rows: readonly Row[]): Iterable<Group> {
  const groups = new Map<string, Group>();
  for (const { device, start_ms, document } of rows) {
    const window = decodeStored(Window, document);
    for (const span of rollupSpans) {
      const startMs = start_ms - (start_ms % (span * 1000));
      const key = `${device} ${span} ${startMs}`;
      const group = groups.get(key) ?? { device, span, startMs, windows: [] };
      groups.set(key, group);
      group.windows.push(window);
    }
  }
  return groups.values();
}

async function mergeInto(
  db: Transaction<Tables>,
  key: { device: string; span: RollupSpan; start_ms: number },
  windows: readonly Window[],
): Promise<void> {
  const stored = await db
    .selectFrom('rollups')
    .select('document')
    .where('device', '=', key.device)
    .where('span', '=', key.span)
    .where('start_ms', '=', key.start_ms)
    .executeTakeFirst();
  const stretch = { start: new Date(key.start_ms).toISOString(), span: key.span };
  const parts = stored ? [decodeStored(Window, stored.document), ...windows] : windows;
  const [first, ...rest] = parts;
  if (!first) return;
  const merged = rest.reduce((sum, part) => mergeWindows(sum, part, stretch), {
    ...first,
    start: stretch.start,
  });
  const row = { document: JSON.stringify(merged) };
  await db
    .insertInto('rollups')
    .values({ ...key, ...row })
    .onConflict((conflict) => conflict.columns(['device', 'span', 'start_ms']).doUpdateSet(row))
    .execute();
}

/** First and last of the rows of each spool: all that were not rolled up between them are here. */
function runsOf(rows: readonly Row[]): [Row, Row][] {
  const runs: [Row, Row][] = [];
  for (const row of rows) {
    const run = runs.at(-1);
    if (run && run[0].device === row.device && run[0].spool === row.spool) run[1] = row;
    else runs.push([row, row]);
  }
  return runs;
}
