/**
 * Backups: the database as one moment saw it, every file it names, and the secrets, in a folder
 * that is there whole or not at all. What it holds is checked when it is made and again when it is
 * restored.
 */
import { constants } from 'node:fs';
import { copyFile, cp, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type RawBuilder, SqliteAdapter, sql } from 'kysely';
import * as v from 'valibot';
import { syncFolder, writeFileAtomic } from '../shared/atomic-file.ts';
import { digestOfFile } from '../shared/digest.ts';
import { FettleError } from '../shared/errors.ts';
import { sentenceOf } from '../shared/issues.ts';
import { encodeJson } from '../shared/json.ts';
import { productVersion } from '../shared/product.ts';
import { BackupRecord } from '../shared/protocol/backup.ts';
import { namedDigests } from './collect.ts';
import type { Database } from './store/database.ts';
import { openSqlite } from './store/sqlite.ts';

const recordName = 'backup.json';
const databaseName = 'fettle.db';

/**
 * Writes `<data>/backups/<instant>` while the controller goes on; its writers wait while the
 * database is copied. Throws `CONFLICT` where the database is a PostgreSQL server, `DISK_FULL`,
 * `FILE_UNREADABLE`, and `DIGEST_MISMATCH` where a file is not what its name says.
 */
export async function backUp(db: Database, data: string, nowMs: number): Promise<BackupRecord> {
  if (!(db.getExecutor().adapter instanceof SqliteAdapter)) {
    const reason = 'the database is a PostgreSQL server: back it up with pg_dump';
    throw new FettleError('CONFLICT', { reason });
  }
  const at = new Date(nowMs).toISOString();
  const path = join(data, 'backups', at.replaceAll(':', '-'));
  const draft = `${path}.partial`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true, mode: 0o700 });
  try {
    const copy = join(draft, databaseName);
    // Files first named after this are not in the copy of the database either.
    await sql`vacuum into ${copy}`.execute(db);
    await syncFile(copy);
    await cp(join(data, 'secrets'), join(draft, 'secrets'), { recursive: true });
    const held = await withDatabase(draft, namedFiles);
    const files = await copyFiles(join(data, 'blobs'), join(draft, 'blobs'), held);
    const database = await digestOfFile(copy);
    const record = { v: 1 as const, at, product: productVersion(), path, database, ...files };
    await writeFileAtomic(join(draft, recordName), `${encodeJson(record, 2)}\n`);
    await rename(draft, path);
    await syncFolder(dirname(path));
    return record;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/**
 * Makes the data folder of a controller from a backup. Throws `CONFLICT` where the folder holds
 * something already, `FILE_MISSING`, `FILE_UNREADABLE` or `DIGEST_MISMATCH` where the backup is not
 * whole; then nothing has changed.
 */
export async function restore(backup: string, data: string): Promise<BackupRecord> {
  const record = await readRecord(backup);
  const there = await readdir(data).catch(() => []);
  if (there.length > 0) {
    const reason = `${data} is not empty: move it away, or choose another folder`;
    throw new FettleError('CONFLICT', { reason });
  }
  const draft = `${data}.restoring`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true, mode: 0o700 });
  try {
    await expectDigest(join(backup, databaseName), record.database);
    await copyFile(join(backup, databaseName), join(draft, databaseName));
    await syncFile(join(draft, databaseName));
    await cp(join(backup, 'secrets'), join(draft, 'secrets'), { recursive: true });
    const named = await withDatabase(draft, namedFiles);
    const { files } = await copyFiles(join(backup, 'blobs'), join(draft, 'blobs'), named);
    if (files < record.files) {
      const path = `${record.files - files} of ${record.files} files of ${backup}`;
      throw new FettleError('FILE_MISSING', { path });
    }
    await rm(data, { recursive: true, force: true });
    await rename(draft, data);
    await syncFolder(dirname(data));
    return record;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Opens the copy: it is checked, and brought to the newest shape. */
async function withDatabase<T>(folder: string, work: (db: Database) => Promise<T>): Promise<T> {
  const db = await openSqlite(folder);
  try {
    const check: RawBuilder<{ integrity_check: string }> = sql`pragma integrity_check`;
    const [first] = (await check.execute(db)).rows;
    if (first?.integrity_check === 'ok') return await work(db);
    const reason = first?.integrity_check ?? 'the integrity check said nothing';
    throw new FettleError('FILE_UNREADABLE', { path: join(folder, databaseName), reason });
  } finally {
    await db.destroy();
  }
}

async function namedFiles(db: Database): Promise<string[]> {
  return [...(await namedDigests(db))].map((digest) => digest.slice('sha256:'.length)).sort();
}

/** Copies the files that are there: a digest may name none, but a file is what its name says. */
async function copyFiles(
  from: string,
  to: string,
  names: readonly string[],
): Promise<{ files: number; bytes: number }> {
  let files = 0;
  let bytes = 0;
  for (const name of names) {
    const parts = ['sha256', name.slice(0, 2), name];
    const found = await stat(join(from, ...parts)).catch(() => null);
    if (!found?.isFile()) continue;
    const target = join(to, ...parts);
    await mkdir(dirname(target), { recursive: true });
    await copyFile(join(from, ...parts), target, constants.COPYFILE_FICLONE);
    await expectDigest(target, `sha256:${name}`);
    await syncFile(target);
    files += 1;
    bytes += found.size;
  }
  return { files, bytes };
}

async function expectDigest(path: string, expected: string): Promise<void> {
  const got = await digestOfFile(path);
  if (got !== expected) throw new FettleError('DIGEST_MISMATCH', { what: path, expected, got });
}

async function readRecord(backup: string): Promise<BackupRecord> {
  const path = join(backup, recordName);
  const text = await readFile(path, 'utf8').catch((thrown) => {
    throw new FettleError('FILE_MISSING', { path }, { cause: thrown });
  });
  const schema = v.pipe(v.string(), v.parseJson(), BackupRecord);
  const result = v.safeParse(schema, text);
  if (result.success) return result.output;
  const reason = sentenceOf(BackupRecord, result.issues);
  throw new FettleError('FILE_UNREADABLE', { path, reason });
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  await file.sync().finally(() => file.close());
}
