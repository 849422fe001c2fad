/**
 * Who besides devices may ask: named tokens with a role. A token is shown once; what is kept is its
 * hash.
 */

import { FettleError } from '../shared/errors.ts';
import { notFound } from '../shared/not-found.ts';
import type { PersonRole } from '../shared/protocol/people.ts';
import { hashToken, newToken } from './secrets.ts';
import type { Database } from './store/database.ts';

export interface Person {
  /** What the audit log calls whoever holds the token. */
  readonly name: string;
  readonly role: PersonRole;
  readonly createdMs: number;
  /** null is never. */
  readonly expiresMs: number | null;
}

export interface People {
  /** In the order of their names. */
  list(): Person[];
  byToken(token: string, nowMs: number): Person | null;
  /** Returns the token. Throws `CONFLICT` where the name is taken. */
  add(person: Person): Promise<string>;
  /** The token is void from now on. Throws `NOT_FOUND`. */
  remove(name: string): Promise<void>;
}

/** More than anyone hands out by hand; each request looks its token up among them. */
const peopleMax = 1000;
/** The name of the token in the controller's data folder. */
export const firstAdmin = 'admin';

export async function loadPeople(db: Database): Promise<People> {
  const rows = await db.selectFrom('people').selectAll().execute();
  const byHash = new Map(rows.map((row) => [row.hash, personOf(row)]));
  const find = (name: string) => [...byHash].find(([, person]) => person.name === name);
  return {
    list: () => [...byHash.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    byToken(token, nowMs) {
      const person = byHash.get(hashToken(token));
      if (!person || (person.expiresMs !== null && person.expiresMs <= nowMs)) return null;
      return person;
    },
    async add(person) {
      const { name, role, createdMs, expiresMs } = person;
      if (name === firstAdmin || find(name)) {
        throw new FettleError('CONFLICT', { reason: `there is a token named ${name}` });
      }
      if (byHash.size >= peopleMax) {
        throw new FettleError('CONFLICT', { reason: `there are ${peopleMax} tokens, the most` });
      }
      const token = newToken('ftp');
      const hash = hashToken(token);
      const row = { name, role, hash, created_ms: createdMs, expires_ms: expiresMs };
      byHash.set(hash, person);
      try {
        await db.insertInto('people').values(row).execute();
      } catch (thrown) {
        byHash.delete(hash);
        throw thrown;
      }
      return token;
    },
    async remove(name) {
      const found = find(name);
      if (!found) {
        const known = [...byHash.values()].map((person) => person.name);
        throw notFound({ what: 'token', name, known });
      }
      await db.deleteFrom('people').where('name', '=', name).execute();
      byHash.delete(found[0]);
    },
  };
}

function personOf(row: {
  name: string;
  role: PersonRole;
  created_ms: number;
  expires_ms: number | null;
}): Person {
  const { name, role, created_ms: createdMs, expires_ms: expiresMs } = row;
  return { name, role, createdMs, expiresMs };
}
