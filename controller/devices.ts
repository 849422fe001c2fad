/** What is asked about one device: its detail, its events, and one sentence that explains it. */
import { recipeName } from '../shared/compress/recipe.ts';
import type { DeviceDetail } from '../shared/protocol/api.ts';
import { Window } from '../shared/protocol/messages.ts';
import { Tuning } from '../shared/protocol/tuning.ts';
import type { Device, LabelMap } from './fleet.ts';
import { decodeStored } from './store/database.ts';
import { summaryOf } from './summary.ts';
import { instant, type World } from './world.ts';

/** How far back the windows of a device's detail go. */
const windowsMs = 15 * 60_000;
const windowsMax = 1000;
const detailEvents = 50;

/** Tables that hold something of a device. */
const deviceTables = [
  ...(['windows', 'rollups', 'spools', 'tunings'] as const),
  ...(['events', 'members', 'devices'] as const),
];

type EventRow = DeviceDetail['events'][number];

export async function deviceDetail(world: World, device: Device): Promise<DeviceDetail> {
  const [tuning, windows, events] = await Promise.all([
    lastTuning(world, device.device),
    lastWindows(world, device.device),
    listEvents(world, device.device, detailEvents),
  ]);
  const { profile, desired } = device;
  return { ...summaryOf(device, world.now()), profile, desired, tuning, events, windows };
}

/** Newest first. */
export async function listEvents(world: World, device: string, limit: number): Promise<EventRow[]> {
  const rows = await world.db
    .selectFrom('events')
    .select(['at_ms', 'level', 'code', 'message'])
    .where('device', '=', device)
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
  return rows.map(({ at_ms, ...event }) => ({ at: instant(at_ms), ...event }));
}

export async function setLabels(world: World, device: Device, labels: LabelMap): Promise<void> {
  await world.db
    .updateTable('devices')
    .set({ labels: JSON.stringify(labels) })
    .where('device', '=', device.device)
    .execute();
  device.labels = labels;
}

/** Takes a device and everything measured on it out of the database and of memory. */
export async function removeDevice(world: World, device: string): Promise<void> {
  await world.db.transaction().execute(async (db) => {
    for (const table of deviceTables) {
      await db.deleteFrom(table).where('device', '=', device).execute();
    }
  });
  world.fleet.remove(device);
}

/** What it runs and why, and what it waits for; null where it waits for nothing. */
export function explainDevice(
  world: World,
  device: Device,
): { device: string; sentence: string; waitsFor: string | null } {
  const { reported, desired } = device;
  const serving = reported?.serving;
  const variant = serving ? recipeName(serving.recipe) : '';
  const runs = serving
    ? `serves ${serving.model} ${serving.version} as ${variant}: ${serving.reason}`
    : 'serves nothing';
  return {
    device: device.device,
    sentence: `${device.device} ${runs}`,
    waitsFor: waitsFor(world, { ...device, reported, desired }),
  };
}

function waitsFor(world: World, device: Device): string | null {
  const { desired, reported, reportedMs } = device;
  const ago = (ms: number | null) =>
    ms === null ? 'never' : `${Math.round((world.now() - ms) / 1000)} s ago`;
  if (!desired) return 'a rollout whose selector matches it';
  if (!reported || reported.revision < desired.revision) {
    const silence = device.online ? '' : `; it is offline, last heard of ${ago(device.seenMs)}`;
    return `the device to take up revision ${desired.revision}${silence}`;
  }
  if (reported.state === 'failed') {
    const { error, reason } = reported;
    return `a person or a newer goal: ${error ? `${error.message}. ${error.hint}` : reason}`;
  }
  if (reported.state === 'serving') return device.online ? null : 'the device to come back online';
  const { state, reason } = reported;
  return `the device, which said ${ago(reportedMs)} that it is ${state}: ${reason}`;
}

async function lastTuning(world: World, device: string): Promise<Tuning | null> {
  const row = await world.db
    .selectFrom('tunings')
    .select('document')
    .where('device', '=', device)
    .orderBy('revision', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row ? decodeStored(Tuning, row.document) : null;
}

async function lastWindows(world: World, device: string): Promise<Window[]> {
  const rows = await world.db
    .selectFrom('windows')
    .select('document')
    .where('device', '=', device)
    .where('start_ms', '>', world.now() - windowsMs)
    .orderBy('start_ms', 'desc')
    .limit(windowsMax)
    .execute();
  return rows.reverse().map((row) => decodeStored(Window, row.document));
}
