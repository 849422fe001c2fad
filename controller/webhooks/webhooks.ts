/**
 * Tells other programs what happens, at least once and each subject's in order: what is to be told
 * is in the database until it was taken, so that neither a restart here nor one there loses it.
 */

import { FettleError } from '../../shared/errors.ts';
import { notFound } from '../../shared/not-found.ts';
import {
  type WebhookEvent,
  type WebhookRecord,
  webhookEvents,
} from '../../shared/protocol/webhooks.ts';
import { newToken } from '../secrets.ts';
import type { WebhookRow } from '../store/schema.ts';
import { instant, type World } from '../world.ts';
import { createMemory, deviceState, type Told } from './changes.ts';
import { type Courier, createCourier } from './courier.ts';
import { tallyOf } from './queue.ts';

export interface Webhooks {
  list(): Promise<WebhookRecord[]>;
  /** Returns it with its secret. Throws `CONFLICT`. */
  add(hook: NewHook): Promise<WebhookRecord & { secret: string }>;
  /** Throws `NOT_FOUND`. */
  remove(name: string): Promise<void>;
  stop(): Promise<void>;
}

export interface NewHook {
  readonly name: string;
  readonly url: string;
  readonly events: readonly WebhookEvent[];
}

/** Rollouts as they are now. */
export type RolloutStates = () => Iterable<{ id: string; state: string; reason: string }>;

interface Hook {
  readonly row: WebhookRow;
  readonly courier: Courier;
}

const hooksMax = 20;

export async function openWebhooks(world: World, rollouts: RolloutStates): Promise<Webhooks> {
  const { db } = world;
  const hooks = new Map<string, Hook>();
  const open = (row: WebhookRow): Hook => {
    const hook = { row, courier: createCourier(world, row) };
    hooks.set(row.name, hook);
    return hook;
  };
  for (const row of await db.selectFrom('webhooks').selectAll().execute()) {
    open(row).courier.poke();
  }
  let unwatch: (() => void) | null = null;
  /** Nothing is watched for nobody. */
  const watch = () => {
    unwatch ??= watchChanges(world, rollouts, (event, change) => {
      for (const { row, courier } of hooks.values()) {
        if (eventsOf(row).includes(event)) courier.take(event, change);
      }
    });
  };
  if (hooks.size > 0) watch();
  return {
    list: () => Promise.all([...hooks.values()].map((hook) => recordOf(world, hook))),
    async add({ name, url, events }) {
      const taken = hooks.has(name) ? `there is a webhook named ${name}` : null;
      const full = hooks.size >= hooksMax ? `there are ${hooksMax} webhooks, the most` : null;
      const reason = taken ?? full;
      if (reason !== null) throw new FettleError('CONFLICT', { reason });
      const secret = newToken('ftw');
      const row = { name, url, events: events.join(','), secret, created_ms: world.now() };
      await db.insertInto('webhooks').values(row).execute();
      watch();
      return { ...(await recordOf(world, open(row))), secret };
    },
    async remove(name) {
      const hook = hooks.get(name);
      if (!hook) throw notFound({ what: 'webhook', name, known: hooks.keys() });
      hooks.delete(name);
      await hook.courier.stop();
      await db.deleteFrom('webhooks').where('name', '=', name).execute();
      await db.deleteFrom('deliveries').where('webhook', '=', name).execute();
    },
    async stop() {
      unwatch?.();
      await Promise.all([...hooks.values()].map(({ courier }) => courier.stop()));
    },
  };
}

async function recordOf(world: World, { row, courier }: Hook): Promise<WebhookRecord> {
  return {
    name: row.name,
    url: row.url,
    events: eventsOf(row),
    createdAt: instant(row.created_ms),
    ...(await tallyOf(world, row.name)),
    dropped: courier.dropped,
    trouble: courier.trouble,
  };
}

/** What was so before is no news: what is told is what becomes otherwise from now on. */
function watchChanges(world: World, rollouts: RolloutStates, told: Told): () => void {
  const rolloutMemory = createMemory('rollout', told);
  const deviceMemory = createMemory('device', told);
  for (const { id, state } of rollouts()) rolloutMemory.know(id, state);
  for (const device of world.fleet.devices.values()) {
    const now = deviceState(device);
    if (now !== null) deviceMemory.know(device.device, now.state);
  }
  return world.live.watch(({ name, key }) => {
    const subject = key.slice(name.length + 1);
    if (name === 'rollout') {
      const found = [...rollouts()].find(({ id }) => id === subject);
      if (found) rolloutMemory.see(subject, found);
    }
    const device = name === 'device' ? world.fleet.get(subject) : undefined;
    const now = device ? deviceState(device) : null;
    if (now !== null) deviceMemory.see(subject, now);
  });
}

function eventsOf({ events }: WebhookRow): WebhookEvent[] {
  const given = events.split(',');
  return webhookEvents.filter((event) => given.includes(event));
}
