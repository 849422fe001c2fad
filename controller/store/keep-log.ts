/** A step of the database's shape. */
import { type Kysely, sql } from 'kysely';

/** Events by the time of happening, with their kind and how often they happened. */
export async function keepLog(db: Kysely<unknown>): Promise<void> {
  await sql`alter table events add column kind text not null default 'error'`.execute(db);
  await sql`alter table events add column last_ms bigint not null default 0`.execute(db);
  await sql`alter table events add column times integer not null default 1`.execute(db);
  await sql`update events set last_ms = at_ms,
    kind = case when level = 'info' then 'agent' else 'error' end`.execute(db);
  await sql`drop index events_by_device`.execute(db);
  await sql`create index events_in_order on events (device, at_ms, id)`.execute(db);
  await sql`create index events_by_kind on events (device, kind, at_ms, id)`.execute(db);
}
