/**
 * What the agent must not forget, in one SQLite file: the journal, trial results, and what waits
 * to be sent. WAL with `synchronous = FULL`: what a call has returned from survives a power cut.
 */
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { FettleError, reasonOf } from '../shared/errors.ts';
import { type Queue, queueOf, queueSchema } from './queue.ts';

export interface StoredTrial {
  readonly group: string;
  readonly key: string;
  readonly value: string;
}

export interface Store {
  /** Whether an unreadable file had to be put aside to open this one. */
  readonly renewed: boolean;
  read(key: string): string | null;
  /** All or none; null removes the key. */
  write(entries: Readonly<Record<string, string | null>>): void;
  /**
   * The trials of one group (a model on a hardware class), in the order they were first written.
   */
  readTrials(group: string): string[];
  writeTrial(trial: StoredTrial, atMs: number): void;
  forgetTrialsBefore(atMs: number): void;
  /** Windows of telemetry. */
  readonly windows: Queue;
  readonly events: Queue;
  close(): void;
}

/** An agent that is being replaced may take so long to end. */
const lockMs = 3000;

const schema = `
  CREATE TABLE IF NOT EXISTS journal (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS trials (
    seq INTEGER PRIMARY KEY, model TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    at INTEGER NOT NULL, UNIQUE (model, key));
  ${queueSchema('windows')}
  ${queueSchema('events')}
`;

/**
 * Opens or creates `agent.db` in the folder. A file that is no database is put aside, not lost.
 * Throws `CONFLICT` where another agent has it open, `STATE_UNWRITABLE` on a full or read-only
 * disk.
 */
export function openStore(folder: string): Store {
  makeFolder(folder);
  const path = join(folder, 'agent.db');
  const { database, renewed } = openOrRenew(path);
  const { write, ...journal } = journalOf(database);
  const { writeTrial, ...trials } = trialsOf(database);
  const typed = typedAt(path);
  const queue = (name: 'windows' | 'events'): Queue => {
    const { add, remove, ...rest } = queueOf(database, name);
    return { ...rest, add: typed(add), remove: typed(remove) };
  };
  return {
    ...{ renewed, ...journal, ...trials, write: typed(write), writeTrial: typed(writeTrial) },
    ...{ windows: queue('windows'), events: queue('events') },
  };
}

/** A full disk and a read-only one are nobody's mistake in the program: they have a code. */
function typedAt(path: string) {
  return <A extends unknown[], R>(work: (...args: A) => R) =>
    (...args: A): R => {
      try {
        return work(...args);
      } catch (thrown) {
        const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
        if (!/^SQLITE_(FULL|READONLY|IOERR|CANTOPEN)/.test(code)) throw thrown;
        const reason = reasonOf(thrown);
        throw new FettleError('STATE_UNWRITABLE', { path, reason }, { cause: thrown });
      }
    };
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (thrown) {
    throw new FettleError('STATE_UNWRITABLE', { path: folder, reason: reasonOf(thrown) });
  }
}

function openOrRenew(path: string): { database: Database.Database; renewed: boolean } {
  try {
    return { database: open(path), renewed: false };
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
    if (code === 'SQLITE_BUSY') {
      throw new FettleError('CONFLICT', { reason: `${path}: another agent uses this folder` });
    }
    if (code !== 'SQLITE_NOTADB' && !code.startsWith('SQLITE_CORRUPT')) {
      throw new FettleError('STATE_UNWRITABLE', { path, reason: reasonOf(thrown) });
    }
    for (const suffix of ['', '-wal', '-shm']) {
      if (existsSync(path + suffix)) renameSync(path + suffix, `${path}.broken${suffix}`);
    }
    return { database: open(path), renewed: true };
  }
}

function open(path: string): Database.Database {
  const database = new Database(path, { timeout: lockMs });
  try {
    // Held while this process lives: a second agent on the same folder is refused.
    database.pragma('locking_mode = EXCLUSIVE');
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    // Pages in memory; the default of 2 MiB is more than this small file needs.
    database.pragma('cache_size = -512');
    database.exec(schema);
    return database;
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}

function journalOf(database: Database.Database) {
  const read = database.prepare<[string], { value: string }>(
    'SELECT value FROM journal WHERE key = ?',
  );
  const put = database.prepare(
    `INSERT INTO journal (key, value) VALUES (?, ?)
     ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
  );
  const remove = database.prepare('DELETE FROM journal WHERE key = ?');
  const write = database.transaction((entries: Readonly<Record<string, string | null>>) => {
    for (const [key, value] of Object.entries(entries)) {
      if (value === null) remove.run(key);
      else put.run(key, value);
    }
  });
  return {
    read: (key: string) => read.get(key)?.value ?? null,
    write: (entries: Readonly<Record<string, string | null>>) => write.immediate(entries),
    close: () => void database.close(),
  };
}

function trialsOf(database: Database.Database) {
  const read = database.prepare<[string], { value: string }>(
    'SELECT value FROM trials WHERE model = ? ORDER BY seq',
  );
  const put = database.prepare(
    `INSERT INTO trials (model, key, value, at) VALUES (?, ?, ?, ?)
     ON CONFLICT (model, key) DO UPDATE SET value = excluded.value, at = excluded.at`,
  );
  const forget = database.prepare('DELETE FROM trials WHERE at < ?');
  return {
    readTrials: (group: string) => read.all(group).map(({ value }) => value),
    writeTrial({ group, key, value }: StoredTrial, atMs: number) {
      put.run(group, key, value, atMs);
    },
    forgetTrialsBefore: (atMs: number) => void forget.run(atMs),
  };
}
