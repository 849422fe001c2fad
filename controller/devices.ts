/** What is asked about one device: its detail, its events, and one sentence that explains it. */
import { recipeName } from '../shared/compress/recipe.ts';
import { encodeJson } from '../shared/json.ts';
import type { DeviceDetail } from '../shared/protocol/api.ts';
import type { VersionComparison } from '../shared/protocol/comparisons.ts';
import { type Serving, Window } from '../shared/protocol/messages.ts';
import { Tuning } from '../shared/protocol/tuning.ts';
import { listEvents } from './events-page.ts';
import { broughtLabels, type Device, type LabelChanges, type LabelMap } from './fleet.ts';
import { sayQuality } from './quality-said.ts';
import { readStored } from './store/database.ts';
import { summaryOf } from './summary.ts';
import { instant, type World } from './world.ts';

/** How far back the windows of a device's detail go. */
const windowsMs = 15 * 60_000;
const windowsMax = 1000;
const detailEvents = 50;

/** Tables that hold something of a device. */
const deviceTables = [
  ...(['windows', 'rollups', 'spools', 'tunings'] as const),
  ...(['events', 'members', 'release_goals', 'devices'] as const),
];

export async function deviceDetail(
  world: World,
  device: Device,
  before: VersionComparison | null,
): Promise<DeviceDetail> {
  const [tuning, windows, events] = await Promise.all([
    lastTuning(world, device.device),
    lastWindows(world, device.device),
    listEvents(world, device.device, { limit: detailEvents }),
  ]);
  const { profile, desired } = device;
  const said = { events: events.items, eventsNext: events.next };
  return { ...summaryOf(device, world.now()), profile, desired, tuning, before, ...said, windows };
}

/** These instead of what people gave it; what its token gave goes as well where it is not named. */
export async function setLabels(world: World, device: Device, labels: LabelMap): Promise<void> {
  const gone = Object.keys(device.tokenLabels).map((name) => [name, null] as const);
  await storeLabels(world, device, { ...Object.fromEntries(gone), ...labels });
}

async function storeLabels(world: World, device: Device, labels: LabelChanges): Promise<void> {
  await world.db
    .updateTable('devices')
    .set({ labels: encodeJson(labels) })
    .where('device', '=', device.device)
    .execute();
  const pairs = Object.entries(labels).map(([name, value]) =>
    value === null ? `${name}-` : `${name}=${value}`,
  );
  const message = `labels that people gave it: ${pairs.join(' ') || 'none'}`;
  noteSetting(world, device, { code: 'LABELS', message });
  device.labels = labels;
}

function noteSetting(
  { deviceLog }: World,
  { device }: Device,
  entry: { readonly code: string; readonly message: string },
): void {
  deviceLog.note([{ device, kind: 'settings', level: 'info', ...entry }]);
}

/** By JSON Merge Patch (RFC 7396): null takes a label away. */
export async function changeLabels(
  world: World,
  device: Device,
  changes: LabelChanges,
): Promise<void> {
  const brought = broughtLabels(device);
  const kept = Object.entries({ ...device.labels, ...changes }).filter(
    ([name, value]) => value !== null || Object.hasOwn(brought, name),
  );
  await storeLabels(world, device, Object.fromEntries(kept));
}

/** null is as the settings say. The device hears of it with an acknowledgement. */
export async function setTelemetrySeconds(
  world: World,
  device: Device,
  seconds: number | null,
): Promise<void> {
  await world.db
    .updateTable('devices')
    .set({ telemetry_seconds: seconds })
    .where('device', '=', device.device)
    .execute();
  device.telemetrySeconds = seconds;
  const every = seconds ?? world.settings.telemetrySeconds;
  const message = `sends telemetry every ${every} s`;
  noteSetting(world, device, { code: 'TELEMETRY', message });
}

/**
 * Takes a device and everything measured on it out of the database and of memory. That it was
 * removed is kept: see `controller/enrolment.ts`.
 */
export async function removeDevice(world: World, device: string): Promise<void> {
  const revision = world.fleet.get(device)?.revision ?? 0;
  const row = { revision, at_ms: world.now() };
  await world.db.transaction().execute(async (db) => {
    for (const table of deviceTables) {
      await db.deleteFrom(table).where('device', '=', device).execute();
    }
    await db
      .insertInto('removed')
      .values({ device, ...row })
      .onConflict((conflict) => conflict.column('device').doUpdateSet(row))
      .execute();
  });
  world.fleet.remove(device);
}

export interface Explanation {
  readonly device: string;
  readonly sentence: string;
  /** What it serves against its source and the version before; null where nothing is known. */
  readonly quality: string | null;
  /** What the choice rests on; null where nobody says. */
  readonly proof: string | null;
  /** null where it waits for nothing. */
  readonly waitsFor: string | null;
  /** Since when it waits, or is as it is. */
  readonly since: string | null;
}

/** What it runs and why, what it waits for and since when. */
export function explainDevice(
  world: World,
  device: Device,
  before: VersionComparison | null,
): Explanation {
  const serving = device.reported?.serving ?? null;
  const runs = serving ? `serves ${runsAs(serving)}` : 'serves nothing';
  const sentence = `${device.device} ${runs}${agentClause(device)}`;
  const quality = serving && sayQuality(serving, before);
  const proof = serving?.proof ?? null;
  return { device: device.device, sentence, quality, proof, ...waiting(world, device) };
}

/** The reason begins with the variant where its agent chose it by measuring. */
function runsAs({ model, version, recipe, reason }: Serving): string {
  const variant = recipeName(recipe);
  return `${model} ${version} as ${reason.startsWith(variant) ? '' : `${variant}: `}${reason}`;
}

/** Said where the agent itself is not as it should be. */
function agentClause({ reported, release }: Device): string {
  const agent = reported?.agent;
  if (!agent || !release) return '';
  if (agent.revision < release.revision) {
    return `. Its agent ${agent.version} has not heard yet that ${release.version} is wanted`;
  }
  if (agent.state === 'current') return '';
  const why = agent.error ? `${agent.error.message}. ${agent.error.hint}` : agent.reason;
  const doing = { fetching: 'fetches', trying: 'tries', failed: 'has not got' }[agent.state];
  return `. It ${doing} the agent ${release.version}: ${why}`;
}

function waiting(world: World, device: Device): { waitsFor: string | null; since: string | null } {
  const { desired, desiredMs, reported, reportedMs, seenMs, enrolledMs } = device;
  const at = (ms: number | null) => (ms === null ? null : instant(ms));
  if (!desired) return { waitsFor: 'a rollout whose selector matches it', since: at(enrolledMs) };
  if (!reported || reported.revision < desired.revision) {
    const silence = device.online ? '' : '; it is offline';
    const waitsFor = `the device to take up revision ${desired.revision}${silence}`;
    return { waitsFor, since: at(device.online ? desiredMs : seenMs) };
  }
  const { state, reason, error } = reported;
  // The device's own clock, where it says so: what it reported may have come late.
  const since = reported.since ?? at(reportedMs);
  if (state === 'failed') {
    const who = error?.retryable ? 'the device to try again by itself' : 'a person or a newer goal';
    return { waitsFor: `${who}: ${error ? `${error.message}. ${error.hint}` : reason}`, since };
  }
  if (!device.online) return { waitsFor: 'the device to come back online', since: at(seenMs) };
  if (state === 'serving') return { waitsFor: null, since };
  const heard = Math.round((world.now() - (reportedMs ?? world.now())) / 1000);
  return {
    waitsFor: `the device, which said ${heard} s ago that it is ${state}: ${reason}`,
    since,
  };
}

async function lastTuning(world: World, device: string): Promise<Tuning | null> {
  const row = await world.db
    .selectFrom('tunings')
    .select('document')
    .where('device', '=', device)
    .orderBy('revision', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row ? readStored(Tuning, row.document, unreadableOf(world, device)) : null;
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
  const onFault = unreadableOf(world, device);
  return rows.reverse().flatMap((row) => readStored(Window, row.document, onFault) ?? []);
}

function unreadableOf({ log }: World, device: string): (thrown: unknown) => void {
  return (thrown) => log.error({ err: thrown, device }, 'a stored document cannot be read');
}
