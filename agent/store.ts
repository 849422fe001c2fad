/**
 * What the agent must not forget, in one SQLite file: the journal, trial results and the telemetry
 * spool. WAL with `synchronous = FULL`: what a call has returned from survives a power cut.
 */
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { FettleError } from '../shared/errors.ts';

export interface SpoolRow {
  readonly seq: number;
  readonly value: string;
}

export interface StoredTrial {
  readonly group: string;
  readonly key: string;
  readonly value: string;
}

export interface SpoolLimits {
  readonly bytesMax: number;
  readonly ageMsMax: number;
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
  /** Appends and then drops the oldest beyond the limits. Returns how many were dropped. */
  spool(value: string, atMs: number, limits: SpoolLimits): number;
  /** The oldest rows after `seq`. */
  spooled(seq: number, countMax: number): SpoolRow[];
  /** Removes what was acknowledged. */
  unspool(seqMax: number): void;
  spoolBytes(): number;
  close(): void;
}

/** An agent that is being replaced may take so long to end. */
const lockMs = 3000;

const schema = `
  CREATE TABLE IF NOT EXISTS journal (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS trials (
    seq INTEGER PRIMARY KEY, model TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    at INTEGER NOT NULL, UNIQUE (model, key));
  CREATE TABLE IF NOT EXISTS windows (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, value TEXT NOT NULL, at INTEGER NOT NULL);
`;

/**
 * Opens or creates `agent.db` in the folder. A file that is no database is put aside, not lost.
 * Throws `CONFLICT` where another agent has it open.
 */
export function openStore(folder: string): Store {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, 'agent.db');
  const { database, renewed } = openOrRenew(path);
  return { renewed, ...journalOf(database), ...trialsOf(database), ...spoolOf(database) };
}

function openOrRenew(path: string): { database: Database.Database; renewed: boolean } {
  try {
    return { database: open(path), renewed: false };
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
    if (code === 'SQLITE_BUSY') {
      throw new FettleError('CONFLICT', { reason: `${path}: another agent uses this folder` });
    }
    if (code !== 'SQLITE_NOTADB' && !code.startsWith('SQLITE_CORRUPT')) throw thrown;
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

function spoolOf(database: Database.Database) {
  const put = database.prepare('INSERT INTO windows (value, at) VALUES (?, ?)');
  const size = database.prepare<[], { bytes: number }>(
    'SELECT coalesce(sum(length(value)), 0) AS bytes FROM windows',
  );
  const dropOld = database.prepare('DELETE FROM windows WHERE at < ?');
  const dropFirst = database.prepare(
    'DELETE FROM windows WHERE seq = (SELECT min(seq) FROM windows)',
  );
  const after = database.prepare<[number, number], SpoolRow>(
    'SELECT seq, value FROM windows WHERE seq > ? ORDER BY seq LIMIT ?',
  );
  const remove = database.prepare('DELETE FROM windows WHERE seq <= ?');
  const spool = database.transaction((value: string, atMs: number, limits: SpoolLimits) => {
    put.run(value, atMs);
    let dropped = dropOld.run(atMs - limits.ageMsMax).changes;
    while ((size.get()?.bytes ?? 0) > limits.bytesMax) dropped += dropFirst.run().changes;
    return dropped;
  });
  return {
    spool: (value: string, atMs: number, limits: SpoolLimits) =>
      spool.immediate(value, atMs, limits),
    spooled: (seq: number, countMax: number) => after.all(seq, countMax),
    unspool: (seqMax: number) => void remove.run(seqMax),
    spoolBytes: () => size.get()?.bytes ?? 0,
  };
}
