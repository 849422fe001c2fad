/** What waits to be delivered, in the database, the oldest first. */
import type { World } from '../world.ts';

export interface Waiting {
  readonly seq: number;
  readonly body: string;
  readonly at_ms: number;
}

/** Deliveries of one address that may wait; the oldest go first. */
const waitingMax = 10_000;

/** Returns how many older ones had to go. */
export async function enqueue({ db, now }: World, webhook: string, body: string): Promise<number> {
  return await db.transaction().execute(async (inside) => {
    await inside.insertInto('deliveries').values({ webhook, body, at_ms: now() }).execute();
    const old = await inside
      .selectFrom('deliveries')
      .select('seq')
      .where('webhook', '=', webhook)
      .orderBy('seq', 'desc')
      .offset(waitingMax)
      .limit(waitingMax)
      .execute();
    for (const { seq } of old) {
      await inside.deleteFrom('deliveries').where('seq', '=', seq).execute();
    }
    return old.length;
  });
}

export function oldest({ db }: World, webhook: string): Promise<Waiting | undefined> {
  return db
    .selectFrom('deliveries')
    .select(['seq', 'body', 'at_ms'])
    .where('webhook', '=', webhook)
    .orderBy('seq')
    .limit(1)
    .executeTakeFirst();
}

export async function dequeue({ db }: World, seq: number): Promise<void> {
  await db.deleteFrom('deliveries').where('seq', '=', seq).execute();
}

export async function countWaiting({ db }: World, webhook: string): Promise<number> {
  const row = await db
    .selectFrom('deliveries')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where('webhook', '=', webhook)
    .executeTakeFirst();
  return Number(row?.count ?? 0);
}
