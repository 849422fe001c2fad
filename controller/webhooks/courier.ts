/** Delivers what waits for one address: one at a time, in order, until it is taken. */
import { randomUUID } from 'node:crypto';
import { type Backoff, backoffMs } from '../../shared/backoff.ts';
import type { WebhookDelivery } from '../../shared/protocol/webhooks.ts';
import type { WebhookRow } from '../store/schema.ts';
import { instant, type World } from '../world.ts';
import type { Change } from './changes.ts';
import { deliver } from './deliver.ts';
import { dequeue, enqueue, oldest } from './queue.ts';

export interface Courier {
  /** Given up, because too many waited or for too long. */
  readonly dropped: number;
  /** Why the last attempt failed; null where it did not. */
  readonly trouble: string | null;
  take(event: WebhookDelivery['event'], change: Change): void;
  /** Looks now whether anything waits. */
  poke(): void;
  stop(): Promise<void>;
}

/** After so long a delivery is given up. */
const keptMs = 24 * 3_600_000;
const retry: Backoff = { baseMs: 1000, maxMs: 300_000 };

export function createCourier(world: World, { name, url, secret }: WebhookRow): Courier {
  const tally: { dropped: number; trouble: string | null } = { dropped: 0, trouble: null };
  let stopped = false;
  let attempt = 0;
  let timer: NodeJS.Timeout | null = null;
  let last: Promise<unknown> = Promise.resolve();
  /** Whether there may be more to do now. */
  const deliverOldest = async (): Promise<boolean> => {
    const next = stopped ? undefined : await oldest(world, name);
    if (!next) return false;
    tally.trouble = await deliver({ url, secret, body: next.body, nowMs: world.now() });
    const tooOld = world.now() - next.at_ms > keptMs;
    if (tally.trouble !== null && !tooOld) {
      timer ??= setTimeout(poke, backoffMs(attempt, retry));
      attempt += 1;
      return false;
    }
    if (tally.trouble !== null) tally.dropped += 1;
    attempt = 0;
    await dequeue(world, next.seq);
    return true;
  };
  const chain = (work: () => Promise<unknown>) => {
    last = last.then(work).catch((thrown) => world.log.error({ err: thrown }, 'webhook'));
  };
  const poke = () => {
    if (timer) clearTimeout(timer);
    timer = null;
    chain(async () => {
      while (await deliverOldest());
    });
  };
  return {
    get dropped() {
      return tally.dropped;
    },
    get trouble() {
      return tally.trouble;
    },
    take(event, change) {
      const body = bodyOf(event, change, world.now());
      chain(async () => {
        tally.dropped += await enqueue(world, name, body);
        // While an address does not answer, its next attempt keeps its time.
        if (timer === null) poke();
      });
    },
    poke,
    async stop() {
      stopped = true;
      if (timer) clearTimeout(timer);
      await last;
    },
  };
}

function bodyOf(event: WebhookDelivery['event'], change: Change, nowMs: number): string {
  const delivery: WebhookDelivery = {
    v: 1,
    id: randomUUID(),
    at: instant(nowMs),
    event,
    ...change,
  };
  return JSON.stringify(delivery);
}
