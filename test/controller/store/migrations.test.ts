/** A database of an earlier version is brought to this one's shape with what it holds. */
import { join } from 'node:path';
import test from 'ava';
import Sqlite from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import { migrate } from '../../../controller/store/migrations.ts';
import type { Tables } from '../../../controller/store/schema.ts';
import { openSqlite } from '../../../controller/store/sqlite.ts';
import { windowOf } from '../../support/documents.ts';
import { temporaryFolder } from '../../support/fettle.ts';

test('windows keep their order, gaps their numbers, and what is rolled up stays so', async (t) => {
  const folder = temporaryFolder(t);
  const old = new Sqlite(join(folder, 'fettle.db'));
  const earlier = new Kysely<Tables>({ dialect: new SqliteDialect({ database: old }) });
  // The last step before windows had an order.
  await migrate(earlier, 'sqlite', '0008-releases');
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
  await earlier.destroy();
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
