/**
 * Who changed what: a log in which every entry holds the hash of the one before it, so that an
 * entry that was edited or taken out is found. What was cut off at the end is only found by whoever
 * noted the last hash.
 */
import type { Transaction } from 'kysely';
import { canonicalJson } from '../shared/canonical-json.ts';
import { type Digest, digestOf, digestOfJson } from '../shared/digest.ts';
import type { AuditEntry, AuditVerdict } from '../shared/protocol/people.ts';
import type { Database } from './store/database.ts';
import type { AuditRow, Tables } from './store/schema.ts';
import { instant } from './world.ts';

/** What happened, before it has a place in the chain. */
export interface Happening {
  readonly atMs: number;
  /** Name of the token, or `enrolment`. */
  readonly who: string;
  /** `POST /api/v1/rollouts/digits-1/pause` */
  readonly action: string;
  /** What was sent with it, or how it failed. */
  readonly detail: unknown;
}

/** The hash before the first entry. */
export const firstPrevious: Digest = digestOf('');
/** A longer detail is kept as its digest. */
const detailCharsMax = 4000;

export async function recordHappening(db: Database, happening: Happening): Promise<void> {
  await db.transaction().execute(async (inside) => {
    const last = await lastOf(inside);
    const link = {
      seq: (last?.seq ?? 0) + 1,
      at_ms: happening.atMs,
      who: happening.who,
      action: happening.action,
      detail: detailOf(happening.detail),
      previous: last?.hash ?? firstPrevious,
    };
    await inside
      .insertInto('audit')
      .values({ ...link, hash: hashOf(link) })
      .execute();
  });
}

/** The newest first; `before` is the number of the last entry of the page before. */
export async function listAudit(
  db: Database,
  { limit, before }: { limit: number; before: number | null },
): Promise<AuditEntry[]> {
  let query = db.selectFrom('audit').selectAll().orderBy('seq', 'desc').limit(limit);
  if (before !== null) query = query.where('seq', '<', before);
  return (await query.execute()).map(entryOf);
}

const pageRows = 1000;

/**
 * `brokenAt` is the number of the first entry that does not fit, null where all do. `head` is to be
 * noted elsewhere: with it, an end that was cut off is found too.
 */
export async function verifyAudit(db: Database): Promise<AuditVerdict> {
  let previous: string = firstPrevious;
  let seq = 0;
  for (;;) {
    const page = await db
      .selectFrom('audit')
      .selectAll()
      .where('seq', '>', seq)
      .orderBy('seq')
      .limit(pageRows)
      .execute();
    for (const { hash, ...link } of page) {
      if (link.seq !== seq + 1 || link.previous !== previous || hashOf(link) !== hash) {
        return { entries: seq, head: previous, brokenAt: seq + 1 };
      }
      previous = hash;
      seq = link.seq;
    }
    if (page.length < pageRows) return { entries: seq, head: previous, brokenAt: null };
  }
}

function lastOf(db: Transaction<Tables>): Promise<AuditRow | undefined> {
  return db.selectFrom('audit').selectAll().orderBy('seq', 'desc').limit(1).executeTakeFirst();
}

function hashOf(link: Omit<AuditRow, 'hash'>): Digest {
  return digestOfJson(link);
}

function detailOf(detail: unknown): string {
  if (detail === null || detail === undefined) return '';
  const text = canonicalJson(detail);
  return text.length <= detailCharsMax ? text : digestOf(text);
}

function entryOf({ at_ms, ...row }: AuditRow): AuditEntry {
  return { ...row, at: instant(at_ms) };
}
