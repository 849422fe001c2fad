/** What a batch of messages leaves in the database, all of it in one transaction. */
import type { Selectable, Transaction } from 'kysely';
import { canonicalJson } from '../../shared/canonical-json.ts';
import { encodeJson } from '../../shared/json.ts';
import type { Reported, Telemetry, Window } from '../../shared/protocol/messages.ts';
import type { Profile } from '../../shared/protocol/profile.ts';
import type { Tuning } from '../../shared/protocol/tuning.ts';
import type { Tables } from './schema.ts';
import { nothingSeen, type Seen, see } from './seen.ts';

type Db = Transaction<Tables>;

export async function storeReported(db: Db, reported: Reported, now: number): Promise<void> {
  await db
    .updateTable('devices')
    .set({
      reported: encodeJson(reported),
      reported_seq: reported.seq,
      reported_ms: now,
      seen_ms: now,
    })
    .where('device', '=', reported.device)
    .execute();
}

export async function storeProfile(db: Db, profile: Profile, now: number): Promise<void> {
  await db
    .updateTable('devices')
    .set({ profile: encodeJson(profile), seen_ms: now })
    .where('device', '=', profile.device)
    .execute();
}

/** Devices that share this key share what tuning found. */
export function hintKey(
  of: Pick<Tuning, 'model' | 'version' | 'objective' | 'hardwareClass' | 'runtimeVersion'>,
): string {
  const { model, version, objective, hardwareClass, runtimeVersion } = of;
  return canonicalJson([model, version, objective, hardwareClass, runtimeVersion]);
}

export async function storeTuning(db: Db, tuning: Tuning, now: number): Promise<void> {
  const { device, revision } = tuning;
  const row = { document: encodeJson(tuning), at_ms: now };
  await db
    .insertInto('tunings')
    .values({ device, revision, ...row })
    .onConflict((conflict) => conflict.columns(['device', 'revision']).doUpdateSet(row))
    .execute();
  if (!tuning.chosen) return;
  const hint = {
    hardware_class: tuning.hardwareClass,
    recipe: encodeJson(tuning.chosen.recipe),
    plan: encodeJson(tuning.chosen.plan),
    latency_ms_p50: tuning.chosen.latencyMsP50,
    device,
    at_ms: now,
  };
  await db
    .insertInto('hints')
    .values({ key: hintKey(tuning), ...hint })
    .onConflict((conflict) => conflict.column('key').doUpdateSet(hint))
    .execute();
}

/** Rows of one insert: SQLite binds at most 32,766 values, and more rows gain nothing. */
const rowsMax = 200;

/** Windows that were stored, and the number of the last of them. */
export interface StoredWindows {
  readonly fresh: readonly FreshWindow[];
  /** 0 where none was. */
  readonly lastId: number;
}

export interface FreshWindow {
  readonly device: string;
  readonly window: Window;
  readonly startMs: number;
}

/**
 * Stores the windows that are not there yet and returns them. A window is known by device, spool
 * and number, and is counted once however often it arrives.
 */
export async function storeTelemetry(
  db: Db,
  batches: readonly Telemetry[],
  now: number,
): Promise<StoredWindows> {
  if (batches.length === 0) return { fresh: [], lastId: 0 };
  const spools = await loadSpools(db, batches);
  const fresh = batches.flatMap((batch) => takeFresh(spools, batch, now));
  let lastId = 0;
  for (const some of chunksOf(fresh)) {
    const values = some.map(({ device, window, startMs }) => ({
      device,
      start_ms: startMs,
      document: encodeJson(window),
    }));
    const stored = await db.insertInto('windows').values(values).returning('id').execute();
    for (const { id } of stored) lastId = Math.max(lastId, id);
  }
  await storeSpools(db, [...spools.values()]);
  return { fresh, lastId };
}

type SpoolRow = Selectable<Tables['spools']>;
type Spools = Map<string, { row: SpoolRow; seen: Seen }>;

async function loadSpools(db: Db, batches: readonly Telemetry[]): Promise<Spools> {
  const devices = [...new Set(batches.map(({ device }) => device))];
  const spools: Spools = new Map();
  for (const some of chunksOf(devices)) {
    const rows = await db.selectFrom('spools').selectAll().where('device', 'in', some).execute();
    for (const row of rows) {
      const gaps: Seen['gaps'] = JSON.parse(row.gaps);
      spools.set(spoolKey(row), { row, seen: { seq: row.seq, gaps } });
    }
  }
  return spools;
}

/** Those of the batch that are news; what its spool has seen then stands in `spools`. */
function takeFresh(spools: Spools, batch: Telemetry, now: number): FreshWindow[] {
  const { device, spool, dropped, windows } = batch;
  let { row, seen } = spools.get(spoolKey(batch)) ?? {
    row: { device, spool, seq: -1, gaps: '[]', dropped, stored: 0, at_ms: now },
    seen: nothingSeen,
  };
  const fresh: FreshWindow[] = [];
  for (const window of windows) {
    const after = see(seen, window.seq);
    if (!after) continue;
    seen = after;
    fresh.push({ device, window, startMs: startOf(window, now) });
  }
  row = { ...row, dropped, stored: row.stored + fresh.length, at_ms: now };
  spools.set(spoolKey(batch), { row, seen });
  return fresh;
}

async function storeSpools(db: Db, spools: readonly { row: SpoolRow; seen: Seen }[]) {
  for (const some of chunksOf(spools)) {
    await db
      .insertInto('spools')
      .values(some.map(({ row, seen: { seq, gaps } }) => ({ ...row, seq, gaps: encodeJson(gaps) })))
      .onConflict((conflict) =>
        conflict.columns(['device', 'spool']).doUpdateSet(({ ref }) => ({
          seq: ref('excluded.seq'),
          gaps: ref('excluded.gaps'),
          dropped: ref('excluded.dropped'),
          stored: ref('excluded.stored'),
          at_ms: ref('excluded.at_ms'),
        })),
      )
      .execute();
  }
}

/** A clock that runs ahead must not keep its windows for ever. */
function startOf(window: Window, now: number): number {
  return Math.min(Date.parse(window.start), now);
}

function spoolKey({ device, spool }: { device: string; spool: string }): string {
  return `${device} ${spool}`;
}

function* chunksOf<T>(items: readonly T[]): Iterable<T[]> {
  for (let at = 0; at < items.length; at += rowsMax) yield items.slice(at, at + rowsMax);
}
