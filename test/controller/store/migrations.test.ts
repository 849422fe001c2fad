/** A database of an earlier version is brought to this one's shape with what it holds. */
import { join } from 'node:path';
import test from 'ava';
import Sqlite from 'better-sqlite3';
import { openSqlite } from '../../../controller/store/sqlite.ts';
import { windowOf } from '../../support/documents.ts';
import { temporaryFolder } from '../../support/fettle.ts';

/** The two tables as they were before windows had an order, and no word of the steps since. */
const earlier = `
  drop table windows; drop table rolled; drop table spools;
  create table windows (
    device text not null, spool text not null, seq bigint not null, start_ms bigint not null,
    document text not null, rolled integer not null default 0, primary key (device, spool, seq));
  create table spools (
    device text not null, spool text not null, seq bigint not null, dropped bigint not null,
    stored bigint not null, at_ms bigint not null, primary key (device, spool));
  alter table devices drop column telemetry_seconds;
  alter table devices drop column key_hash; alter table devices drop column device_labels;
  alter table devices drop column token_labels; drop table removed;
  alter table enrolment_tokens drop column replaces; drop table comparisons;
  drop table starts; drop table removed_numbers;
  drop index deliveries_by_subject; alter table deliveries drop column subject;
  alter table deliveries drop column attempts; alter table deliveries drop column next_ms;
  alter table deliveries drop column refused;
  create index deliveries_in_order on deliveries (webhook, seq);
  drop index events_in_order; drop index events_by_kind;
  alter table events drop column kind; alter table events drop column last_ms;
  alter table events drop column times; create index events_by_device on events (device, id);
  delete from kysely_migration where name >= '0009';`;

test('windows keep their order, gaps their numbers, and what is rolled up stays so', async (t) => {
  const folder = temporaryFolder(t);
  await (await openSqlite(folder)).destroy();
  const old = new Sqlite(join(folder, 'fettle.db'));
  old.exec(earlier);
  const put = old.prepare('insert into windows values (?, ?, ?, ?, ?, ?)');
  for (const [seq, rolled] of [
    [3, 1],
    [4, 1],
    [7, 0],
    [9, 0],
  ] as const) {
    put.run('pi-1', 'a', seq, 1000 * seq, JSON.stringify(windowOf(seq)), rolled);
  }
  old.exec(`insert into spools values ('pi-1', 'a', 9, 0, 4, 1)`);
  old.close();
  const db = await openSqlite(folder);
  const windows = await db.selectFrom('windows').selectAll().orderBy('id').execute();
  t.deepEqual(
    windows.map(({ id, start_ms }) => [id, start_ms]),
    [
      [1, 3000],
      [2, 4000],
      [3, 7000],
      [4, 9000],
    ],
  );
  const marks = await db.selectFrom('rolled').select('window_id').distinct().execute();
  t.deepEqual(marks, [{ window_id: 2 }]);
  const spool = await db.selectFrom('spools').select(['seq', 'gaps']).executeTakeFirst();
  t.is(spool?.seq, 9);
  t.deepEqual(JSON.parse(spool?.gaps ?? '').sort(), [
    [5, 6],
    [8, 8],
  ]);
  // Numbers of windows that are gone are not given again.
  await db.deleteFrom('windows').execute();
  const document = JSON.stringify(windowOf(10));
  const { insertId } = await db
    .insertInto('windows')
    .values({ device: 'pi-1', start_ms: 1, document })
    .executeTakeFirstOrThrow();
  t.is(Number(insertId), 5);
  await db.destroy();
});
