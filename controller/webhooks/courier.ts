/** Delivers what waits for one address: one at a time, each subject's in order. */
import { randomUUID } from 'node:crypto';
import { type Backoff, backoffMs } from '../../shared/backoff.ts';
import { encodeJson } from '../../shared/json.ts';
import type { WebhookDelivery } from '../../shared/protocol/webhooks.ts';
import type { WebhookRow } from '../store/schema.ts';
import { instant, type World } from '../world.ts';
import type { Change } from './changes.ts';
import { type Answer, deliver } from './deliver.ts';
import {
  dequeue,
  enqueue,
  forgetRefused,
  nextDue,
  nextDueMs,
  postpone,
  refuse,
  type Waiting,
} from './queue.ts';

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

/** After so long a delivery is given up, and one that was refused is forgotten. */
const keptMs = 24 * 3_600_000;
/** An address that refuses a delivery as it is gets it so many times. */
const refusalsMax = 3;
const retry: Backoff = { baseMs: 1000, maxMs: 300_000 };

export function createCourier(world: World, { name, url, secret }: WebhookRow): Courier {
  const tally: { dropped: number; trouble: string | null } = { dropped: 0, trouble: null };
  let stopped = false;
  /** Failures of the address itself in a row. */
  let failures = 0;
  let pausedUntilMs = 0;
  let timer: NodeJS.Timeout | null = null;
  let last: Promise<unknown> = Promise.resolve();
  const settle = async (one: Waiting, answer: Answer): Promise<void> => {
    tally.trouble = answer.taken ? null : answer.reason;
    failures = answer.taken || answer.final ? 0 : failures + 1;
    if (answer.taken) return dequeue(world, one.seq);
    if (world.now() - one.at_ms > keptMs) {
      tally.dropped += 1;
      return dequeue(world, one.seq);
    }
    if (!answer.final) {
      pausedUntilMs = world.now() + backoffMs(failures - 1, retry);
      return;
    }
    if (one.attempts + 1 >= refusalsMax) return refuse(world, one.seq, answer.reason);
    return postpone(world, one.seq, world.now() + backoffMs(one.attempts, retry));
  };
  const work = async () => {
    while (!stopped && world.now() >= pausedUntilMs) {
      const next = await nextDue(world, name);
      if (!next) break;
      await settle(next, await deliver({ url, secret, body: next.body, nowMs: world.now() }));
    }
    await forgetRefused(world, name, world.now() - keptMs);
    const dueMs = stopped ? null : await nextDueMs(world, name);
    if (dueMs === null) return;
    if (timer) clearTimeout(timer);
    timer = setTimeout(poke, Math.max(dueMs, pausedUntilMs) - world.now());
  };
  const chain = (step: () => Promise<unknown>) => {
    last = last.then(step).catch((thrown) => world.log.error({ err: thrown }, 'webhook'));
  };
  const poke = () => chain(work);
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
        tally.dropped += await enqueue(world, { webhook: name, subject: change.subject }, body);
      });
      poke();
    },
    poke,
    async stop() {
      stopped = true;
      if (timer) clearTimeout(timer);
      await last;
      if (timer) clearTimeout(timer);
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
  return encodeJson(delivery);
}
