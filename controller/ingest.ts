/**
 * What devices send, stored exactly once: messages are gathered into batches, a batch is one
 * transaction, and a device is told that something is stored after the commit, never before.
 */
import { FettleError, reasonOf, reportError } from '../shared/errors.ts';
import type { Ack, Presence, Reported } from '../shared/protocol/messages.ts';
import type { Address } from '../shared/protocol/topics.ts';
import type { Tuning } from '../shared/protocol/tuning.ts';
import { storeApart } from './apart.ts';
import { createComplaints, publishEntries } from './device-log.ts';
import { createDoubles } from './doubles.ts';
import { type DeviceEntry, insertEvents } from './events.ts';
import type { Device } from './fleet.ts';
import { recordsOf } from './heard-events.ts';
import { decode } from './inbound.ts';
import { type Inbox, type Sent, sortOut } from './inbox.ts';
import { createPace } from './pace.ts';
import { createSaid, type Said } from './said.ts';
import {
  type StoredWindows,
  storeProfile,
  storeReported,
  storeTelemetry,
  storeTuning,
} from './store/measurements.ts';
import { readingOf, recentMs, summaryOf } from './summary.ts';
import type { World } from './world.ts';

export interface Ingest {
  /** Takes a message from the broker; never throws. */
  accept(address: Address, payload: Uint8Array): void;
  /** Resolves when everything accepted so far is stored. */
  settled(): Promise<void>;
  readonly counters: Readonly<Record<IngestCounter, number>>;
}

const noneYet = {
  messages: 0,
  invalid: 0,
  dropped: 0,
  windows: 0,
  duplicates: 0,
  batches: 0,
  failures: 0,
  unstored: 0,
} as const;
type IngestCounter = keyof typeof noneYet;

export interface IngestDoors {
  readonly acknowledge: (device: string, ack: Ack) => void;
  readonly onPresence: (presence: Presence) => void;
  /** Called after each transaction, in their order. */
  readonly onStored: (stored: StoredWindows) => void;
  /** Something that rollouts look at has changed. */
  readonly onChanged: () => void;
}

const bounds = {
  /** Messages that may wait; devices send again what isn't acknowledged. */
  queue: 50_000,
  /** Of one device: who floods waits behind itself and keeps nobody else waiting. */
  queuePerDevice: 200,
  batch: 2500,
  /** Telemetry alone is stored so often at most: a transaction costs a wait for the disk. */
  gatherMs: 250,
  /** How long a failed batch holds up the next one. */
  retryMs: 1000,
} as const;

export function createIngest(world: World, doors: IngestDoors): Ingest {
  const queue: Sent[] = [];
  const counters: Record<IngestCounter, number> = { ...noneYet };
  const record = createComplaints(world);
  const said = createSaid();
  const doubled = createDoubles();
  const waiting = new Map<string, number>();
  let running: Promise<void> | null = null;
  const complain = (address: Address, thrown: unknown) => {
    const { code, message } = reportError(thrown);
    record({ device: address.device, level: 'error', code, message });
  };
  const pace = createPace(bounds.gatherMs);
  const drain = async () => {
    while (queue.length > 0) {
      if (queue.length < bounds.batch) await pace.turn();
      const batch = queue.splice(0, bounds.batch);
      for (const { device } of batch) leave(waiting, device);
      const storing = { counters, doors, said };
      try {
        await storeApart(batch, {
          store: (messages) => storeBatch(world, sortOut(messages), storing),
          setAside(sent, thrown) {
            record({ device: sent.device, ...setAside(world, sent, { ...storing, thrown }) });
          },
        });
      } catch (thrown) {
        counters.failures += 1;
        world.log.error({ err: thrown }, 'batch not stored; devices will send it again');
        await new Promise((resolve) => setTimeout(resolve, bounds.retryMs));
      }
    }
    running = null;
  };
  return {
    counters,
    accept(address, payload) {
      const device = world.fleet.get(address.device);
      // An empty payload clears a retained document; an unknown device has been removed.
      if (!device || payload.length === 0) return;
      counters.messages += 1;
      const ahead = waiting.get(address.device) ?? 0;
      const full = queue.length >= bounds.queue || ahead >= bounds.queuePerDevice;
      if (full && address.channel !== 'presence') {
        counters.dropped += 1;
        return;
      }
      try {
        const message = decode(address, payload);
        if (message.channel === 'presence') {
          applyPresence(world, device, message.document);
          doors.onPresence(message.document);
          const fault = doubled(message.document);
          if (fault) complain(address, fault);
          return doors.onChanged();
        }
        queue.push({ device: address.device, message, arrivedMs: world.now() });
        waiting.set(address.device, ahead + 1);
        if (message.channel !== 'telemetry' || queue.length >= bounds.batch) pace.hurry();
        running ??= drain();
      } catch (thrown) {
        counters.invalid += 1;
        complain(address, thrown);
      }
    },
    async settled() {
      while (running) await running;
    },
  };
}

function leave(waiting: Map<string, number>, device: string): void {
  const left = (waiting.get(device) ?? 1) - 1;
  if (left > 0) waiting.set(device, left);
  else waiting.delete(device);
}

function applyPresence(world: World, device: Device, presence: Presence): void {
  const changed = device.online !== presence.online;
  device.online = presence.online;
  if (presence.online) device.seenMs = world.now();
  if (changed) world.live.publish('device', device.device, () => summaryOf(device, world.now()));
}

interface Storing {
  readonly counters: Record<IngestCounter, number>;
  readonly doors: IngestDoors;
  readonly said: Said;
}

async function storeBatch(
  world: World,
  inboxes: ReadonlyMap<string, Inbox>,
  { counters, doors, said }: Storing,
): Promise<void> {
  const now = world.now();
  const telemetry = [...inboxes.values()].flatMap((inbox) => inbox.telemetry);
  const entries: DeviceEntry[] = [];
  const stored = await world.db.transaction().execute(async (db) => {
    for (const [name, inbox] of inboxes) {
      const device = world.fleet.get(name);
      if (!device) continue;
      if (isNews(device, inbox.reported)) await storeReported(db, inbox.reported, now);
      if (inbox.profile) await storeProfile(db, inbox.profile, now);
      for (const tuning of inbox.tunings) await storeTuning(db, tuning, now);
      const events = recordsOf(said.fresh(inbox.events));
      entries.push(...(await insertEvents(db, events, world.settings.eventsPerDevice)));
    }
    return await storeTelemetry(db, telemetry, now);
  });
  publishEntries(world, entries);
  doors.onStored(stored);
  const { fresh } = stored;
  counters.batches += 1;
  counters.windows += fresh.length;
  const given = telemetry.reduce((total, { windows }) => total + windows.length, 0);
  counters.duplicates += given - fresh.length;
  for (const { device: name, window } of fresh) {
    world.fleet.get(name)?.recent.push({ arrivedMs: now, window });
  }
  for (const [name, inbox] of inboxes) {
    const device = world.fleet.get(name);
    const events = said.store(inbox.events);
    if (device) doors.acknowledge(name, { ...settle(world, device, inbox), ...events });
  }
  if ([...inboxes.values()].some(({ reported, profile }) => reported ?? profile)) doors.onChanged();
}

/**
 * What fails alone whenever it is tried: its device need not send it again, and hears so as of what
 * is stored. The log keeps it. Returns what is said of it.
 */
function setAside(
  world: World,
  sent: Sent,
  { counters, doors, said, thrown }: Storing & { readonly thrown: unknown },
) {
  const { channel, document } = sent.message;
  counters.unstored += 1;
  world.log.error({ err: thrown, channel, document }, 'message set aside');
  const device = world.fleet.get(sent.device);
  const inbox = sortOut([sent]).get(sent.device);
  if (device && inbox) {
    const ack = ackOf(world, device, { inbox, reportedSeq: inbox.reported?.seq ?? 0 });
    doors.acknowledge(sent.device, { ...ack, ...said.store(inbox.events) });
  }
  const reason = reasonOf(thrown);
  const { code, message } = new FettleError('MESSAGE_UNSTORED', { channel, reason });
  return { level: 'error', code, message } as const;
}

/** A report that is not newer than the stored one changes nothing. */
function isNews(device: Device, reported: Reported | null): reported is Reported {
  return reported !== null && reported.seq > device.reportedSeq;
}

/** After the commit: what memory holds, what the device may forget, what watchers see. */
function settle(world: World, device: Device, inbox: Inbox): Ack {
  const now = world.now();
  device.seenMs = now;
  const news = isNews(device, inbox.reported) || inbox.profile !== null;
  if (isNews(device, inbox.reported)) {
    device.reported = inbox.reported;
    device.reportedSeq = inbox.reported.seq;
    device.reportedMs = now;
  }
  if (inbox.profile) device.profile = inbox.profile;
  for (const tuning of inbox.tunings) device.golden = goldenOf(tuning) ?? device.golden;
  while ((device.recent[0]?.arrivedMs ?? now) < now - recentMs) device.recent.shift();
  const { live } = world;
  if (news) live.publish('device', device.device, () => summaryOf(device, world.now()));
  else live.publish('reading', device.device, () => readingOf(device, world.now()));
  return ackOf(world, device, { inbox, reportedSeq: device.reportedSeq });
}

function ackOf(
  { settings }: World,
  device: Device,
  { inbox, reportedSeq }: { readonly inbox: Inbox; readonly reportedSeq: number },
): Ack {
  const tuningRevision = Math.max(...inbox.tunings.map(({ revision }) => revision));
  const spool = inbox.telemetry.at(-1);
  const seqs = inbox.telemetry.flatMap((batch) =>
    batch.spool === spool?.spool ? batch.windows.map(({ seq }) => seq) : [],
  );
  const telemetrySeconds = device.telemetrySeconds ?? settings.telemetrySeconds;
  return {
    v: 1,
    ...(inbox.reported ? { reportedSeq } : {}),
    ...(inbox.tunings.length > 0 ? { tuningRevision } : {}),
    ...(spool && seqs.length > 0
      ? { telemetry: { spool: spool.spool, seq: Math.max(...seqs) }, telemetrySeconds }
      : {}),
  };
}

/** How well what was chosen agreed with its golden outputs on that device. */
function goldenOf({ model, version, chosen, trials }: Tuning): Device['golden'] {
  const trial = trials.find(({ variant, golden }) => variant === chosen?.variant && golden);
  return chosen && trial?.golden ? { model, version, agreement: trial.golden.agreement } : null;
}
