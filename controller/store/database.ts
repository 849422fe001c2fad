/** The database, spoken to through Kysely: SQLite in one file, or a PostgreSQL server. */
import type { Kysely } from 'kysely';
import * as v from 'valibot';
import { FettleError } from '../../shared/errors.ts';
import { sentenceOf } from '../../shared/issues.ts';
import { decodeJson } from '../../shared/json.ts';
import type { Tables } from './schema.ts';
import { openSqlite } from './sqlite.ts';

export type Database = Kysely<Tables>;

/**
 * Opens what the settings name: `database` is the address of a PostgreSQL database, null is the
 * file `fettle.db` in the folder `data`. Throws `CONFLICT` where another controller has it open,
 * and what each of the two throws.
 */
export async function openDatabase({
  data,
  database,
}: {
  readonly data: string;
  readonly database: string | null;
}): Promise<Database> {
  if (database === null) return await openSqlite(data);
  // Only who asks for it loads the client.
  const { openPostgres } = await import('./postgres.ts');
  return await openPostgres(database);
}

/** A stored document as its type. Throws `INTERNAL` where the database holds something else. */
export function decodeStored<S extends v.GenericSchema>(schema: S, text: string): v.InferOutput<S> {
  const refuse = (reason: string) =>
    new FettleError('INTERNAL', { reason: `stored document: ${reason}` });
  const result = v.safeParse(schema, decodeJson(text, refuse));
  if (result.success) return result.output;
  const reason = `stored ${sentenceOf(schema, result.issues)}`;
  throw new FettleError('INTERNAL', { reason });
}

/**
 * The same for what a device wrote, of which there is more: null where it cannot be read any more,
 * and `onFault` hears why. One document must not keep the controller from starting.
 */
export function readStored<S extends v.GenericSchema>(
  schema: S,
  text: string,
  onFault: (thrown: unknown) => void,
): v.InferOutput<S> | null {
  try {
    return decodeStored(schema, text);
  } catch (thrown) {
    onFault(thrown);
    return null;
  }
}
