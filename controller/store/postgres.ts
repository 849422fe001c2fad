/** The one door to PostgreSQL, for who has a server that is looked after anyway. */
import { Kysely, PostgresDialect } from 'kysely';
import { DatabaseError, Pool, type PoolClient, types } from 'pg';
import { FettleError, reasonOf } from '../../shared/errors.ts';
import { migrate } from './migrations.ts';
import type { Tables } from './schema.ts';

const connectTimeoutMs = 10_000;
const statementTimeoutMs = 60_000;
/**
 * The server ends a session, and gives up its lock, some time after its client has gone. A
 * controller that follows another waits for that.
 */
const lockWaitMs = 5_000;
/** lock_not_available: PostgreSQL, appendix A. */
const lockTimedOut = '55P03';
/** Any number that other programs on this database do not use: the letters of the product. */
export const lockKey = 0x66_65_74_74;
/** Type 20 is `bigint`: counts and instants here are far below 2^53. */
const bigint = 20;

/**
 * Opens the database of `postgres://user:password@host/name` and brings it to the newest shape.
 * There is one connection: what one controller does has an order, and so the same meaning as on
 * SQLite. It holds an advisory lock (PostgreSQL, 13.3.5), so that a second controller on the same
 * database is refused with `CONFLICT`. Throws `DATABASE_REFUSED`.
 */
export async function openPostgres(url: string): Promise<Kysely<Tables>> {
  const pool = new Pool({
    connectionString: url,
    max: 1,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: 0,
    keepAlive: true,
    statement_timeout: statementTimeoutMs,
    // Of every new connection: one that is refused is closed and not handed out.
    verify: (client, done) => void holdLock(client).then(() => done(), done),
    types: {
      getTypeParser: (id, format) => (id === bigint ? Number : types.getTypeParser(id, format)),
    },
  });
  // A connection that breaks while nothing is asked is made anew with the next question.
  pool.on('error', () => {});
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  try {
    await migrate(db, 'postgres');
    return db;
  } catch (thrown) {
    await db.destroy();
    if (thrown instanceof FettleError) throw thrown;
    const details = { url: withoutPassword(url), reason: reasonOf(thrown) };
    throw new FettleError('DATABASE_REFUSED', details, { cause: thrown });
  }
}

async function holdLock(client: PoolClient): Promise<void> {
  await client.query(`set lock_timeout = ${lockWaitMs}`);
  try {
    await client.query('select pg_advisory_lock($1)', [lockKey]);
  } catch (thrown) {
    if (!(thrown instanceof DatabaseError) || thrown.code !== lockTimedOut) throw thrown;
    const reason = 'the database is in use by another controller';
    throw new FettleError('CONFLICT', { reason }, { cause: thrown });
  }
  await client.query('set lock_timeout = 0');
}

function withoutPassword(url: string): string {
  const shown = new URL(url);
  shown.password = '';
  return shown.href;
}
