/** The one door to SQLite: one file in the data folder. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import { FettleError, reasonOf } from '../../shared/errors.ts';
import { migrate } from './migrations.ts';
import type { Tables } from './schema.ts';

/**
 * Opens `fettle.db` in the folder and brings it to the newest shape. What a transaction has
 * committed survives a power cut: WAL with synchronous FULL. The file is held exclusively, so that
 * two controllers on one folder are refused with `CONFLICT`.
 */
export async function openSqlite(folder: string): Promise<Kysely<Tables>> {
  const path = join(folder, 'fettle.db');
  let db: Kysely<Tables> | null = null;
  try {
    mkdirSync(folder, { recursive: true });
    const sqlite = new Sqlite(path, { timeout: 200 });
    db = new Kysely<Tables>({ dialect: new SqliteDialect({ database: cached(sqlite) }) });
    sqlite.pragma('locking_mode = EXCLUSIVE');
    sqlite.pragma('journal_mode = WAL');
    sqlite.pragma('synchronous = FULL');
    // Pages (32 MiB): telemetry changes the same few pages of its index again and again.
    sqlite.pragma('wal_autocheckpoint = 8000');
    sqlite.pragma('foreign_keys = ON');
    sqlite.pragma('cache_size = -32768');
    await migrate(db, 'sqlite');
    return db;
  } catch (thrown) {
    await db?.destroy();
    throw openError(path, thrown);
  }
}

/** Statements used once are prepared once: the ingest path runs the same few for ever. */
function cached(sqlite: Sqlite.Database): {
  close(): void;
  prepare(sql: string): Sqlite.Statement;
} {
  const statements = new Map<string, Sqlite.Statement>();
  return {
    close: () => {
      sqlite.close();
    },
    prepare: (sql) => {
      const known = statements.get(sql);
      if (known && !known.busy) return known;
      const statement = sqlite.prepare(sql);
      if (statements.size >= 500) statements.clear();
      statements.set(sql, statement);
      return statement;
    },
  };
}

function openError(path: string, thrown: unknown): FettleError {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  if (code === 'SQLITE_BUSY') {
    const reason = `${path} is in use by another controller`;
    return new FettleError('CONFLICT', { reason }, { cause: thrown });
  }
  if (code === 'SQLITE_FULL' || code === 'ENOSPC') {
    return new FettleError('DISK_FULL', { path, needed: 0, free: 0 }, { cause: thrown });
  }
  return new FettleError('FILE_UNREADABLE', { path, reason: reasonOf(thrown) }, { cause: thrown });
}
