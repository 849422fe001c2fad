/** How rollouts take their next step: what the planner decides is stored, then done. */
import type { RolloutRecord } from '../../shared/protocol/rollouts.ts';
import type { Assignment, Dispatcher } from '../dispatch.ts';
import type { Device } from '../fleet.ts';
import { goalsFor } from '../goals.ts';
import type { Registry } from '../registry.ts';
import { variantDigests } from '../store/models.ts';
import {
  type LoadedRollout,
  type Previous,
  type StoredMember,
  type StoredRollout,
  saveProgress,
} from '../store/rollouts.ts';
import { recentMs } from '../summary.ts';
import { instant, type World } from '../world.ts';
import { type DeviceView, type Member, planRollout, type RolloutPlan } from './plan.ts';
import { parseSelector } from './selector.ts';
import { governed, viewOf } from './view.ts';

export interface Runner {
  readonly world: World;
  readonly dispatcher: Dispatcher;
  readonly registry: Registry;
  /** The earliest first. */
  readonly all: LoadedRollout[];
}

/**
 * Lets every rollout that isn't over take its next step. Returns whether time alone may bring the
 * next one.
 */
export async function lookAtAll(runner: Runner): Promise<boolean> {
  const { world, all } = runner;
  await catchUp(runner);
  const standing = all
    .filter(({ record }) => record.state !== 'aborted' && record.state !== 'failed')
    .toReversed()
    .map(({ record }) => ({ id: record.id, selects: parseSelector(record.selector) }));
  const groups = governed(world.fleet.devices.values(), standing);
  let timed = false;
  for (const rollout of all.toReversed()) {
    const wanted = groups.get(rollout.record.id) ?? [];
    if (isOver(rollout, wanted, world.now())) continue;
    // Giving a device something changes what is seen, so that it looks a second time.
    if (await step(runner, rollout, wanted)) await step(runner, rollout, wanted);
    const { state } = rollout.record;
    timed ||= state === 'running' || state === 'paused' || state === 'succeeded';
  }
  return timed;
}

/**
 * A device that speaks of a revision that was never given out remembers more than the database,
 * which has been restored: what it should run is said again, above what it knows.
 */
async function catchUp({ world, dispatcher }: Runner): Promise<void> {
  const ahead = [...world.fleet.devices.values()].flatMap((device): Assignment[] => {
    const { desired, reported, revision } = device;
    if (!desired || !reported || reported.revision <= revision) return [];
    const { rollout, model, hint, tuningBudgetSeconds, soakSeconds } = desired;
    const goal = { rollout, model, hint, tuningBudgetSeconds, soakSeconds };
    return [{ device: device.device, goal }];
  });
  if (ahead.length > 0) await dispatcher.assign(ahead);
}

/** Nothing will change by looking: it ended, and nobody came since. */
function isOver({ record, members }: LoadedRollout, wanted: readonly Device[], now: number) {
  if (record.state === 'aborted') {
    return !record.reverting || [...members.values()].every(({ state }) => state === 'reverted');
  }
  return isSettled(record, now) && wanted.every(({ device }) => members.has(device));
}

function isSettled({ state, endedAt, watchSeconds }: StoredRollout, now: number): boolean {
  return (
    state === 'succeeded' && endedAt !== null && now > Date.parse(endedAt) + watchSeconds * 1000
  );
}

/** One look at one rollout. Returns whether devices were given something. */
async function step(
  { world, dispatcher, registry }: Runner,
  rollout: LoadedRollout,
  wanted: readonly Device[],
): Promise<boolean> {
  const { record, members } = rollout;
  const views = await viewsOf(world, rollout, wanted);
  const now = world.now();
  const input = { ...record, settled: isSettled(record, now), members: [...members.values()] };
  const plan = planRollout(input, views, now);
  await keep(world, rollout, { plan, views });
  if (plan.revert.length > 0) await dispatcher.assign(goalsBack(rollout, plan.revert));
  if (plan.admit.length > 0) {
    const model = await registry.find(record.model, record.version);
    const devices = plan.admit.flatMap((device) => world.fleet.get(device) ?? []);
    await dispatcher.assign(await goalsFor(world.db, { model, rollout: record }, devices));
  }
  return plan.admit.length + plan.revert.length > 0;
}

/** Every device that the rollout has or would take in, as the planner sees it. */
export async function viewsOf(
  world: World,
  { record, members }: LoadedRollout,
  wanted: readonly Device[],
): Promise<ReadonlyMap<string, DeviceView>> {
  const variants = await variantDigests(world.db, record.model, record.version);
  const looking = { rollout: record, variants, sinceMs: world.now() - recentMs };
  const views = new Map<string, DeviceView>();
  for (const name of members.keys()) {
    const device = world.fleet.get(name);
    if (device) views.set(name, viewOf(device, { ...looking, wanted: false }));
  }
  for (const device of wanted) {
    views.set(device.device, viewOf(device, { ...looking, wanted: true }));
  }
  return views;
}

/** What devices were to run before, under the name of the rollout that gives it back. */
function goalsBack({ record, members }: LoadedRollout, devices: readonly string[]): Assignment[] {
  const nothing = { model: null, hint: null, tuningBudgetSeconds: 1, soakSeconds: 0 };
  return devices.map((device) => {
    const previous = members.get(device)?.previous ?? nothing;
    return { device, goal: { ...previous, rollout: record.id } };
  });
}

interface Decided {
  readonly plan: RolloutPlan;
  readonly views: ReadonlyMap<string, DeviceView>;
}

/**
 * Stores what changed; who is to be admitted is stored with what it runs now and how it behaves,
 * before that changes.
 */
async function keep(world: World, rollout: LoadedRollout, { plan, views }: Decided): Promise<void> {
  const { record } = rollout;
  const admitted = new Set(plan.admit);
  const present = new Set<string>();
  const changed: StoredMember[] = [];
  for (const member of plan.members) {
    present.add(member.device);
    const known = rollout.members.get(member.device);
    // One that is tried anew has this rollout's own goal now: what it had before stays said.
    const isFirst = admitted.has(member.device) && member.retried === 0;
    const next = isFirst
      ? { ...member, ...before(world, record, views.get(member.device)) }
      : { ...member, previous: known?.previous ?? null };
    if (!known || !sameMember(known, next)) changed.push(next);
  }
  const gone = [...rollout.members.keys()].filter((device) => !present.has(device));
  const next = nextRecord(record, plan, world.now());
  const saidAnew = saidOf(plan.verdicts) !== saidOf(rollout.verdicts);
  rollout.verdicts = plan.verdicts;
  if (next || changed.length > 0 || gone.length > 0) {
    await save(world, rollout, { record: next ?? record, changed, gone });
  } else if (saidAnew) publish(world, rollout);
}

/** Which gates hold; their figures move all the time. */
function saidOf(verdicts: RolloutPlan['verdicts']): string {
  return verdicts.map(({ gate, class: own, state }) => `${gate} ${own} ${state}`).join();
}

/** null where nothing of it changed. */
function nextRecord(record: StoredRollout, plan: RolloutPlan, nowMs: number): StoredRollout | null {
  const { wave, state, reason, waitsFor, reverting, stops } = plan;
  const sameWait = record.state === state && record.wave === wave && record.waitsFor === waitsFor;
  const sameStops = record.stops.length === stops.length && record.reverting === reverting;
  if (sameWait && sameStops && record.reason === reason) return null;
  const now = instant(nowMs);
  const ended = state === 'succeeded' || state === 'failed' || state === 'aborted';
  const endedAt = ended ? (record.endedAt ?? now) : null;
  const since = sameWait ? record.since : now;
  return {
    ...{ ...record, wave, state, reason, waitsFor, reverting },
    ...{ stops: [...stops], since, endedAt },
  };
}

function sameMember(a: StoredMember, b: StoredMember): boolean {
  const { previous, baseline } = a;
  if (previous !== b.previous || baseline !== b.baseline) return false;
  const plain = (member: StoredMember) =>
    JSON.stringify({ ...member, previous: null, baseline: null });
  return plain(a) === plain(b);
}

/** What is to be stored of a rollout. */
export interface Progress {
  readonly record: StoredRollout;
  readonly changed?: readonly StoredMember[];
  readonly gone?: readonly string[];
}

/** Stores it, then remembers it, then tells who watches. */
export async function save(
  world: World,
  rollout: LoadedRollout,
  { record, changed = [], gone = [] }: Progress,
): Promise<void> {
  await saveProgress(world.db, record, { changed, gone });
  rollout.record = record;
  for (const member of changed) rollout.members.set(member.device, member);
  for (const device of gone) rollout.members.delete(device);
  publish(world, rollout);
}

function publish(world: World, rollout: LoadedRollout): void {
  world.live.publish('rollout', rollout.record.id, () => shown(rollout));
}

/** What a device was to run, and how that behaved. */
function before(
  world: World,
  { model, version }: StoredRollout,
  view: DeviceView | undefined,
): Pick<StoredMember, 'previous' | 'ranSame' | 'baseline'> {
  const desired = view ? world.fleet.get(view.device)?.desired : null;
  if (!desired) return { previous: null, ranSame: false, baseline: null };
  const { rollout, hint, tuningBudgetSeconds, soakSeconds } = desired;
  const previous: Previous = {
    ...{ rollout, model: desired.model, hint },
    ...{ tuningBudgetSeconds, soakSeconds },
  };
  const ranSame = desired.model?.name === model && desired.model.version === version;
  return { previous, ranSame, baseline: view?.otherUsage ?? null };
}

export function shown({ record, members, verdicts }: LoadedRollout): RolloutRecord {
  const { order: _, ...rest } = record;
  const list = [...members.values()].sort(byName);
  return {
    ...rest,
    verdicts: [...verdicts],
    members: list.map(({ device, class: own, wave, state, revision, sinceMs, reason }) => {
      const since = sinceMs === null ? null : instant(sinceMs);
      return { device, class: own, wave, state, revision, since, reason };
    }),
  };
}

function byName(a: Member, b: Member): number {
  return a.device < b.device ? -1 : 1;
}
