/**
 * What waits to be delivered, in the database: the oldest of each subject first, so that what one
 * subject's delivery meets holds up no other.
 */
import { sql } from 'kysely';
import type { World } from '../world.ts';

export interface Waiting {
  readonly seq: number;
  readonly body: string;
  readonly at_ms: number;
  /** Attempts that failed so far. */
  readonly attempts: number;
}

/** Where a delivery belongs: an address and a subject. */
export interface Place {
  readonly webhook: string;
  readonly subject: string;
}

/** Deliveries of one address that are kept; the oldest go first. */
const keptMax = 10_000;

/** Returns how many older ones that waited had to go. */
export async function enqueue({ db, now }: World, place: Place, body: string): Promise<number> {
  return await db.transaction().execute(async (inside) => {
    await inside
      .insertInto('deliveries')
      .values({ ...place, body, at_ms: now() })
      .execute();
    const old = await inside
      .selectFrom('deliveries')
      .select(['seq', 'refused'])
      .where('webhook', '=', place.webhook)
      .orderBy('seq', 'desc')
      .offset(keptMax)
      .limit(keptMax)
      .execute();
    for (const { seq } of old) {
      await inside.deleteFrom('deliveries').where('seq', '=', seq).execute();
    }
    return old.filter(({ refused }) => refused === null).length;
  });
}

/** The next that may be sent now: the first of its subject, whose pause is over. */
export function nextDue({ db, now }: World, webhook: string): Promise<Waiting | undefined> {
  return firsts(db, webhook)
    .select(['seq', 'body', 'at_ms', 'attempts'])
    .where('next_ms', '<=', now())
    .orderBy('seq')
    .limit(1)
    .executeTakeFirst();
}

/** When the next one may be sent; null where none waits. */
export async function nextDueMs({ db }: World, webhook: string): Promise<number | null> {
  const row = await firsts(db, webhook)
    .select((select) => select.fn.min('next_ms').as('next'))
    .executeTakeFirst();
  return row?.next === null || row?.next === undefined ? null : Number(row.next);
}

export async function dequeue({ db }: World, seq: number): Promise<void> {
  await db.deleteFrom('deliveries').where('seq', '=', seq).execute();
}

/** It is tried again at `nextMs`; until then it holds up its subject alone. */
export async function postpone({ db }: World, seq: number, nextMs: number): Promise<void> {
  await db
    .updateTable('deliveries')
    .set({ attempts: sql`attempts + 1`, next_ms: nextMs })
    .where('seq', '=', seq)
    .execute();
}

/** It is not tried again; it stays to be seen, with the answer. */
export async function refuse({ db }: World, seq: number, answer: string): Promise<void> {
  await db.updateTable('deliveries').set({ refused: answer }).where('seq', '=', seq).execute();
}

export async function forgetRefused(
  { db }: World,
  webhook: string,
  beforeMs: number,
): Promise<void> {
  await db
    .deleteFrom('deliveries')
    .where('webhook', '=', webhook)
    .where('refused', 'is not', null)
    .where('at_ms', '<', beforeMs)
    .execute();
}

export interface Tally {
  readonly waiting: number;
  readonly refused: number;
  /** The newest that was refused. */
  readonly lastRefusal: { readonly subject: string; readonly answer: string } | null;
}

export async function tallyOf({ db }: World, webhook: string): Promise<Tally> {
  const counts = await db
    .selectFrom('deliveries')
    .select((select) => [
      select.fn.countAll<number>().as('all'),
      select.fn.count<number>('refused').as('refused'),
    ])
    .where('webhook', '=', webhook)
    .executeTakeFirstOrThrow();
  const last = await db
    .selectFrom('deliveries')
    .select(['subject', 'refused'])
    .where('webhook', '=', webhook)
    .where('refused', 'is not', null)
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst();
  const refused = Number(counts.refused);
  return {
    waiting: Number(counts.all) - refused,
    refused,
    lastRefusal: last ? { subject: last.subject, answer: last.refused ?? '' } : null,
  };
}

function firsts(db: World['db'], webhook: string) {
  return db
    .selectFrom('deliveries as first')
    .where('webhook', '=', webhook)
    .where('refused', 'is', null)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('deliveries as before')
            .select('before.seq')
            .whereRef('before.webhook', '=', 'first.webhook')
            .whereRef('before.subject', '=', 'first.subject')
            .whereRef('before.seq', '<', 'first.seq')
            .where('before.refused', 'is', null),
        ),
      ),
    );
}
