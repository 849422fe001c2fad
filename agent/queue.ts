/**
 * What waits on disk to be sent, numbered in the order in which it came, within a cap of bytes and
 * age. A number is never used twice, so that a gap is seen as one.
 */
import type { Database } from 'better-sqlite3';

export interface QueueRow {
  readonly seq: number;
  readonly value: string;
  readonly atMs: number;
}

export interface QueueLimits {
  readonly bytesMax: number;
  readonly ageMsMax: number;
}

export interface Queue {
  /** Appends and then drops the oldest beyond the limits. Returns how many were dropped. */
  add(value: string, atMs: number, limits: QueueLimits): number;
  /** The oldest rows after `seq`. */
  after(seq: number, countMax: number): QueueRow[];
  /** Removes what was acknowledged. */
  remove(seqMax: number): void;
  bytes(): number;
  /** When the newest row came; 0 where there is none. */
  newestMs(): number;
}

type Name = 'windows' | 'events';
interface Size {
  readonly bytes: number;
}
interface Oldest extends Size {
  readonly seq: number;
  readonly at: number;
}

export function queueSchema(name: Name): string {
  return `CREATE TABLE IF NOT EXISTS ${name} (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, value TEXT NOT NULL, at INTEGER NOT NULL);`;
}

export function queueOf(database: Database, name: Name): Queue {
  // Bytes on disk, counted by one side only: SQLite's length() is of code points, JavaScript's of
  // UTF-16 units.
  const size = 'octet_length(value)';
  const put = database.prepare<[string, number], Size>(
    `INSERT INTO ${name} (value, at) VALUES (?, ?) RETURNING ${size} AS bytes`,
  );
  const oldest = database.prepare<[], Oldest>(
    `SELECT seq, at, ${size} AS bytes FROM ${name} ORDER BY seq LIMIT 1`,
  );
  const drop = database.prepare(`DELETE FROM ${name} WHERE seq = ?`);
  const dropUpTo = database.prepare<[number], Size>(
    `DELETE FROM ${name} WHERE seq <= ? RETURNING ${size} AS bytes`,
  );
  const after = database.prepare<[number, number], QueueRow>(
    `SELECT seq, value, at AS atMs FROM ${name} WHERE seq > ? ORDER BY seq LIMIT ?`,
  );
  const all = database.prepare<[], { bytes: number; at: number }>(
    `SELECT coalesce(sum(${size}), 0) AS bytes, coalesce(max(at), 0) AS at FROM ${name}`,
  );
  // Summed once: looking through a day of rows with every row would take longer and longer.
  let { bytes, at: newestMs } = all.get() ?? { bytes: 0, at: 0 };
  const append = database.transaction((value: string, atMs: number, limits: QueueLimits) => {
    let left = bytes + sum(put.all(value, atMs));
    let dropped = 0;
    // What came first is also the oldest: nothing behind it needs to be looked at.
    for (let first = oldest.get(); first; first = oldest.get()) {
      if (first.at >= atMs - limits.ageMsMax && left <= limits.bytesMax) break;
      drop.run(first.seq);
      left -= first.bytes;
      dropped += 1;
    }
    return { left, dropped };
  });
  return {
    add(value, atMs, limits) {
      const { left, dropped } = append.immediate(value, atMs, limits);
      bytes = left;
      newestMs = atMs;
      return dropped;
    },
    after: (seq, countMax) => after.all(seq, countMax),
    remove(seqMax) {
      bytes -= sum(dropUpTo.all(seqMax));
    },
    bytes: () => bytes,
    newestMs: () => newestMs,
  };
}

function sum(rows: readonly Size[]): number {
  return rows.reduce((total, { bytes }) => total + bytes, 0);
}
