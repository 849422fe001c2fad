/** The step that gives windows their place in the order of arrival. */
import { type Kysely, sql } from 'kysely';
import { counting, type Dialect } from './counting.ts';
import { fleetParts } from './schema.ts';

/**
 * Windows in the order of their arrival, with one index: what has arrived stands in the spools, and
 * what is rolled up is a number.
 */
export async function orderWindows(db: Kysely<unknown>, dialect: Dialect): Promise<void> {
  await sql`alter table spools add column gaps text not null default '[]'`.execute(db);
  // One statement for both databases: the missing numbers between two that are there, as JSON.
  await sql`update spools set gaps = coalesce((
    select '[' || ${sql.raw(dialect === 'sqlite' ? 'group_concat' : 'string_agg')}(
      '[' || (before + 1) || ',' || (seq - 1) || ']', ',') || ']'
    from (select seq, lag(seq) over (order by seq) as before from windows
      where windows.device = spools.device and windows.spool = spools.spool) as pairs
    where seq > before + 1), '[]')`.execute(db);
  await db.schema
    .createTable('windows_next')
    .addColumn('id', ...counting(dialect))
    .addColumn('device', 'text', (c) => c.notNull())
    .addColumn('start_ms', 'bigint', (c) => c.notNull())
    .addColumn('document', 'text', (c) => c.notNull())
    .execute();
  await sql`create table rolled (part integer primary key, window_id bigint not null)`.execute(db);
  for (const rolled of [1, 0]) {
    await sql`insert into windows_next (device, start_ms, document)
      select device, start_ms, document from windows where rolled = ${rolled}
      order by start_ms`.execute(db);
    if (rolled === 0) continue;
    const { rows } = await sql<{ last: number }>`
      select coalesce(max(id), 0) as last from windows_next`.execute(db);
    const last = rows[0]?.last ?? 0;
    for (let part = 0; part < fleetParts; part += 1) {
      await sql`insert into rolled (part, window_id) values (${part}, ${last})`.execute(db);
    }
  }
  await sql`drop table windows`.execute(db);
  await sql`alter table windows_next rename to windows`.execute(db);
  await sql`create index windows_by_start on windows (device, start_ms)`.execute(db);
}
