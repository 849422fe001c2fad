/** What a batch of messages leaves in the database, all of it in one transaction. */
import { sql, type Transaction } from 'kysely';
import { canonicalJson } from '../../shared/canonical-json.ts';
import type { Reported, Telemetry, Window } from '../../shared/protocol/messages.ts';
import type { Profile } from '../../shared/protocol/profile.ts';
import type { Tuning } from '../../shared/protocol/tuning.ts';
import type { Tables } from './schema.ts';

type Db = Transaction<Tables>;

export async function storeReported(db: Db, reported: Reported, now: number): Promise<void> {
  await db
    .updateTable('devices')
    .set({
      reported: JSON.stringify(reported),
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
    .set({ profile: JSON.stringify(profile), seen_ms: now })
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
  const row = { document: JSON.stringify(tuning), at_ms: now };
  await db
    .insertInto('tunings')
    .values({ device, revision, ...row })
    .onConflict((conflict) => conflict.columns(['device', 'revision']).doUpdateSet(row))
    .execute();
  if (!tuning.chosen) return;
  const hint = {
    hardware_class: tuning.hardwareClass,
    recipe: JSON.stringify(tuning.chosen.recipe),
    plan: JSON.stringify(tuning.chosen.plan),
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

/**
 * Stores the windows that are not there yet and returns them. A window is known by device, spool
 * and number, and is counted once however often it arrives. One that is older than what is kept and
 * not above the highest number of its spool was here before and has been collected.
 */
export async function storeTelemetry(
  db: Db,
  batches: readonly Telemetry[],
  times: { now: number; keptSinceMs: number },
): Promise<{ device: string; window: Window }[]> {
  const marks = await spoolMarks(db, batches);
  const given = batches.flatMap(({ device, spool, windows }) =>
    windows.map((window) => ({ device, spool, window, startMs: startOf(window, times.now) })),
  );
  const candidates = given.filter(
    ({ device, spool, window, startMs }) =>
      startMs >= times.keptSinceMs || window.seq > (marks.get(markKey(device, spool)) ?? -1),
  );
  const fresh: { device: string; window: Window }[] = [];
  for (let at = 0; at < candidates.length; at += rowsMax) {
    const rows = candidates.slice(at, at + rowsMax);
    const stored = await db
      .insertInto('windows')
      .values(
        rows.map(({ device, spool, window, startMs }) => ({
          device,
          spool,
          seq: window.seq,
          start_ms: startMs,
          document: JSON.stringify(window),
        })),
      )
      .onConflict((conflict) => conflict.columns(['device', 'spool', 'seq']).doNothing())
      .returning(['device', 'spool', 'seq'])
      .execute();
    const isNew = new Set(stored.map((row) => `${markKey(row.device, row.spool)} ${row.seq}`));
    for (const row of rows) {
      // Deleting makes a window that came twice in this batch count once.
      if (isNew.delete(`${markKey(row.device, row.spool)} ${row.window.seq}`)) fresh.push(row);
    }
  }
  for (const batch of batches) await markSpool(db, batch, { fresh, now: times.now });
  return fresh;
}

async function spoolMarks(
  db: Db,
  batches: readonly Telemetry[],
): Promise<ReadonlyMap<string, number>> {
  const devices = [...new Set(batches.map(({ device }) => device))];
  const marks = new Map<string, number>();
  for (let at = 0; at < devices.length; at += rowsMax) {
    const rows = await db
      .selectFrom('spools')
      .select(['device', 'spool', 'seq'])
      .where('device', 'in', devices.slice(at, at + rowsMax))
      .execute();
    for (const row of rows) marks.set(markKey(row.device, row.spool), row.seq);
  }
  return marks;
}

async function markSpool(
  db: Db,
  batch: Telemetry,
  { fresh, now }: { fresh: readonly { device: string; window: Window }[]; now: number },
): Promise<void> {
  const { device, spool, dropped, windows } = batch;
  const seq = Math.max(-1, ...windows.map((window) => window.seq));
  const mine = new Set(windows);
  const stored = fresh.filter(({ window }) => mine.has(window)).length;
  await sql`insert into spools (device, spool, seq, dropped, stored, at_ms)
    values (${device}, ${spool}, ${seq}, ${dropped}, ${stored}, ${now})
    on conflict (device, spool) do update set
      seq = case when excluded.seq > spools.seq then excluded.seq else spools.seq end,
      dropped = excluded.dropped, stored = spools.stored + excluded.stored,
      at_ms = excluded.at_ms`.execute(db);
}

/** A clock that runs ahead must not keep its windows for ever. */
function startOf(window: Window, now: number): number {
  return Math.min(Date.parse(window.start), now);
}

function markKey(device: string, spool: string): string {
  return `${device} ${spool}`;
}
