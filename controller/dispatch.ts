/**
 * What each device should run: numbered, signed, on disk before it is published, published again
 * whenever it may be lost.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { FettleError } from '../shared/errors.ts';
import { encodeJson } from '../shared/json.ts';
import type { Desired, ModelGoal, Release } from '../shared/protocol/messages.ts';
import { type Channel, retainedChannels } from '../shared/protocol/topics.ts';
import { sign } from '../shared/signature.ts';
import type { Noted } from './device-log.ts';
import type { Device } from './fleet.ts';
import type { Link } from './link.ts';
import type { ReleaseGoal } from './releases/releases.ts';
import { instant, type World } from './world.ts';

/** The content of a desired document, before it has a number. */
export interface Goal {
  readonly rollout: string | null;
  readonly model: ModelGoal | null;
  readonly hint: Desired['hint'];
  readonly tuningBudgetSeconds: number;
  readonly soakSeconds: number;
  /** The least agreement with the variant before; null asks for none. */
  readonly agreement: number | null;
  /** W3C trace context. */
  readonly traceparent?: string;
}

export interface Dispatcher {
  /**
   * Stores the next revision of every device in one transaction, then publishes. Returns the
   * revisions.
   */
  assign(goals: readonly Assignment[]): Promise<ReadonlyMap<string, number>>;
  /** The same for the agent itself. */
  assignReleases(goals: readonly Assignment<ReleaseGoal>[]): Promise<void>;
  /** Publishes every desired document again: the broker may have lost them. */
  republish(): Promise<void>;
  /**
   * Clears what devices left retained under this name: reports of an earlier life, or of one that
   * is gone. Resolves when the broker has done so, or has not for some seconds.
   */
  forget(device: string): Promise<void>;
}

export interface Assignment<G = Goal> {
  readonly device: string;
  readonly goal: G;
}

/** Publications under way at once while everything is published again. */
const republishWidth = 200;
/** A broker that is away for longer is told when it is back. */
const clearMs = 10_000;

export function createDispatcher(world: World, link: () => Link): Dispatcher {
  const publish = async (document: Desired | Release) => {
    const channel = 'release' in document ? 'release' : 'desired';
    await link().publish({ device: document.device, channel }, document);
  };
  const publishLater = (document: Desired | Release) => {
    // A failed publication is made good at the next connection.
    publish(document).catch((thrown) => world.log.warn({ err: thrown }, 'desired not published'));
  };
  return {
    async assign(assignments) {
      const documents = assignments.map(({ device, goal }) => {
        const known = world.fleet.get(device);
        if (!known) throw new FettleError('NOT_FOUND', { what: `device ${device}` });
        return nextDesired(world, known, goal);
      });
      const now = world.now();
      await storeDesired(world, documents, now);
      world.deviceLog.note(
        documents.map((document) => goalEntry(document, world.fleet.get(document.device))),
      );
      for (const document of documents) {
        const known = world.fleet.get(document.device);
        if (known) remember(known, document, now);
        publishLater(document);
      }
      return new Map(documents.map(({ device, revision }) => [device, revision]));
    },
    async assignReleases(assignments) {
      const documents = assignments.map(({ device, goal }) => {
        const known = world.fleet.get(device);
        if (!known) throw new FettleError('NOT_FOUND', { what: `device ${device}` });
        return { known, document: nextRelease(world, known, goal) };
      });
      const at_ms = world.now();
      await storeReleases(
        world,
        documents.map(({ document }) => document),
        at_ms,
      );
      world.deviceLog.note(documents.map(({ document }) => releaseEntry(document)));
      for (const { known, document } of documents) {
        Object.assign(known, { release: document, releaseMs: at_ms });
        publishLater(document);
      }
    },
    async republish() {
      const documents = [...world.fleet.devices.values()].flatMap(({ desired, release }) =>
        [desired, release].flatMap((one) => one ?? []),
      );
      for (let at = 0; at < documents.length; at += republishWidth) {
        await Promise.all(documents.slice(at, at + republishWidth).map(publish));
      }
    },
    async forget(device) {
      const { desired = null, release = null } = world.fleet.get(device) ?? {};
      const goals = { desired, release };
      const stale = retainedChannels.filter((channel) => !isGoal(channel) || !goals[channel]);
      const cleared = stale.map((channel) =>
        link()
          .publish({ device, channel })
          .catch((thrown) => world.log.warn({ err: thrown }, 'retained document not cleared')),
      );
      // Whoever hears of a goal may answer at once: what was before is gone by then.
      await Promise.race([Promise.all(cleared), sleep(clearMs, undefined, { ref: false })]);
      for (const goal of [desired, release]) if (goal) publishLater(goal);
    },
  };
}

function isGoal(channel: Channel): channel is 'desired' | 'release' {
  return channel === 'desired' || channel === 'release';
}

function goalEntry({ device, revision, model, rollout }: Desired, known: Device | null): Noted {
  const before = known?.desired?.model ?? null;
  const isSame = before?.name === model?.name && before?.version === model?.version;
  const instead = before && !isSame ? ` instead of ${before.name} ${before.version}` : '';
  const what = model ? `${model.name} ${model.version}` : 'no model';
  const message = `revision ${revision}: ${what}${instead}${byRollout(rollout)}`;
  return { device, kind: 'goal', level: 'info', code: 'GOAL', message };
}

function releaseEntry({ device, revision, version, rollout }: Release): Noted {
  const message = `release revision ${revision}: agent ${version}${byRollout(rollout)}`;
  return { device, kind: 'goal', level: 'info', code: 'AGENT_GOAL', message };
}

function byRollout(rollout: string | null): string {
  return rollout === null ? '' : `, by rollout ${rollout}`;
}

async function storeDesired(
  { db }: World,
  documents: readonly Desired[],
  desired_ms: number,
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    for (const document of documents) {
      const { device, revision, rollout } = document;
      await tx
        .updateTable('devices')
        .set({ revision, desired: encodeJson(document), rollout, desired_ms })
        .where('device', '=', device)
        .execute();
    }
  });
}

async function storeReleases(
  { db }: World,
  documents: readonly Release[],
  at_ms: number,
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    for (const document of documents) {
      const row = { document: encodeJson(document), at_ms };
      await tx
        .insertInto('release_goals')
        .values({ device: document.device, ...row })
        .onConflict((conflict) => conflict.column('device').doUpdateSet(row))
        .execute();
    }
  });
}

function nextDesired(world: World, device: Device, goal: Goal): Desired {
  const document = {
    v: 1 as const,
    device: device.device,
    // A restored database may know less than the device: what it is told next is above both.
    revision: Math.max(device.revision, device.reported?.revision ?? 0) + 1,
    at: instant(world.now()),
    ...goal,
    telemetrySeconds: device.telemetrySeconds ?? world.settings.telemetrySeconds,
  };
  return { ...document, signature: { ...sign(document, world.secrets.keys).signature } };
}

function nextRelease(world: World, device: Device, goal: ReleaseGoal): Release {
  const document = {
    v: 1 as const,
    device: device.device,
    revision: Math.max(device.release?.revision ?? 0, device.reported?.agent?.revision ?? 0) + 1,
    at: instant(world.now()),
    ...goal,
  };
  return { ...document, signature: { ...sign(document, world.secrets.keys).signature } };
}

function remember(device: Device, document: Desired, now: number): void {
  device.revision = document.revision;
  device.desired = document;
  device.rollout = document.rollout;
  device.desiredMs = now;
}
