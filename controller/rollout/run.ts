/** How rollouts take their next step: what the planner decides is stored, then done. */

import { isStopped } from '../../shared/protocol/states.ts';
import type { Assignment, Dispatcher } from '../dispatch.ts';
import type { Device } from '../fleet.ts';
import { goalsFor } from '../goals.ts';
import type { Registry } from '../registry.ts';
import type { Releases } from '../releases/releases.ts';
import { variantDigests } from '../store/models.ts';
import type { LoadedRollout, StoredRollout } from '../store/rollouts.ts';
import { recentMs } from '../summary.ts';
import type { World } from '../world.ts';
import { agentGoals, agentGoalsBack, agentViewOf, canTake, isOfAgent } from './agent-lane.ts';
import type { Hearing } from './hearing.ts';
import { keep } from './keep.ts';
import { isAdmitted } from './member.ts';
import { owedBack } from './owed.ts';
import { type DeviceView, planRollout, type RolloutInput, type RolloutPlan } from './plan.ts';
import { parseSelector } from './selector.ts';
import { takenFrom } from './taken.ts';
import { assignTraced } from './traced.ts';
import { type Governing, governed, viewOf as modelViewOf } from './view.ts';

export interface Runner {
  readonly world: World;
  readonly dispatcher: Dispatcher;
  readonly registry: Registry;
  readonly releases: Releases;
  readonly hearing: Hearing;
  /** The earliest first. */
  readonly all: LoadedRollout[];
}

/**
 * Lets every rollout that isn't over take its next step. Returns in how many milliseconds time
 * alone may bring the next one; null is never.
 */
export async function lookAtAll(runner: Runner): Promise<number | null> {
  const { world, all } = runner;
  await catchUp(runner);
  const groups = groupsOf(runner);
  const states = new Set<StoredRollout['state']>();
  for (const rollout of all.toReversed()) {
    const wanted = groups.get(rollout.record.id) ?? [];
    if (isOver(world, rollout, wanted)) continue;
    // Giving a device something changes what is seen, so that it looks a second time.
    const looked = { wanted, taken: takenOf(runner, rollout.record, groups) };
    if (await step(runner, rollout, looked)) await step(runner, rollout, looked);
    states.add(rollout.record.state);
  }
  if (states.has('running') || states.has('paused')) return lookMs.underway;
  return states.has('succeeded') ? lookMs.watched : null;
}

function takenOf(
  { world, all, releases }: Runner,
  record: StoredRollout,
  groups: ReadonlyMap<string, readonly Device[]>,
): RolloutInput['taken'] {
  if (record.state !== 'running' && record.state !== 'paused') return null;
  const lane = all.filter((other) => isOfAgent(other.record) === isOfAgent(record));
  const ids = new Set(lane.map((other) => other.record.id));
  const own = new Map([...groups].filter(([id]) => ids.has(id)));
  return takenFrom(governingOf(record, releases), own, world.fleet.devices.values());
}

/** The devices that each rollout governs: a newer one of its own kind has taken the others. */
function groupsOf({ world, all, releases }: Runner): ReadonlyMap<string, readonly Device[]> {
  const standing = all
    .map(({ record }) => record)
    .filter(({ state, archivedAt }) => !isStopped(state) && state !== 'failed' && !archivedAt)
    .toReversed();
  const lanes = [standing.filter(isOfAgent), standing.filter((record) => !isOfAgent(record))];
  const groups = lanes.flatMap((lane) => {
    const governing = lane.map((record) => governingOf(record, releases));
    return [...governed(world.fleet.devices.values(), governing)];
  });
  return new Map(groups);
}

export function governingOf(
  record: Pick<StoredRollout, 'id' | 'selector' | 'model' | 'version'>,
  releases: Releases,
): Governing {
  const selects = parseSelector(record.selector);
  const takes = isOfAgent(record) ? canTake(releases, record.version) : () => true;
  return { id: record.id, selects, takes };
}

/** One that has succeeded is only watched for telemetry that got worse. */
const lookMs = { underway: 1000, watched: 10_000 } as const;

/**
 * A device that speaks of a revision that was never given out remembers more than the database,
 * which has been restored: what it should run is said again, above what it knows.
 */
async function catchUp({ world, dispatcher }: Runner): Promise<void> {
  const later = [...world.fleet.devices.values()].flatMap(({ device, release, reported }) => {
    if (!release || (reported?.agent?.revision ?? 0) <= release.revision) return [];
    const { rollout, version, digest, bytes, healthySeconds } = release;
    const goal = { rollout, release: release.release, version, digest, bytes, healthySeconds };
    return [{ device, goal }];
  });
  if (later.length > 0) await dispatcher.assignReleases(later);
  const ahead = [...world.fleet.devices.values()].flatMap((device): Assignment[] => {
    const { desired, reported, revision } = device;
    if (!desired || !reported || reported.revision <= revision) return [];
    const { rollout, model, hint, tuningBudgetSeconds, soakSeconds, agreement = null } = desired;
    const goal = { rollout, model, hint, tuningBudgetSeconds, soakSeconds, agreement };
    return [{ device: device.device, goal }];
  });
  if (ahead.length > 0) await dispatcher.assign(ahead);
}

/** Nothing will change by looking: it ended, and nobody came since. */
function isOver({ fleet, now }: World, rollout: LoadedRollout, wanted: readonly Device[]): boolean {
  const { record, members } = rollout;
  if (record.archivedAt) return true;
  if (isStopped(record.state)) {
    return !record.reverting || owedBack(rollout, (name) => fleet.get(name)).length === 0;
  }
  const isIn = ({ device, online }: Device) => {
    const member = members.get(device);
    return member !== undefined && (isAdmitted(member) || !online);
  };
  return isSettled(record, now()) && wanted.every(isIn);
}

function isSettled({ state, endedAt, watchSeconds }: StoredRollout, now: number): boolean {
  return (
    state === 'succeeded' && endedAt !== null && now > Date.parse(endedAt) + watchSeconds * 1000
  );
}

interface Looked {
  readonly wanted: readonly Device[];
  readonly taken: RolloutInput['taken'];
}

/** One look at one rollout. Returns whether devices were given something. */
async function step(
  runner: Runner,
  rollout: LoadedRollout,
  { wanted, taken }: Looked,
): Promise<boolean> {
  const { world, releases } = runner;
  const { record, members } = rollout;
  const views = await viewsOf(world, rollout, wanted);
  const now = world.now();
  const hearingMs = runner.hearing.sinceMs();
  const settled = isSettled(record, now);
  const input = { ...record, hearingMs, taken, settled, members: [...members.values()] };
  const plan = planRollout(input, views, now);
  await keep(world, rollout, { plan, views, releases });
  await (isOfAgent(record) ? giveReleases : giveModels)(runner, rollout, plan);
  return plan.admit.length + plan.revert.length > 0;
}

type Given = Pick<RolloutPlan, 'admit' | 'revert'>;

async function giveModels(
  { world, dispatcher, registry }: Runner,
  rollout: LoadedRollout,
  { admit, revert }: Given,
): Promise<void> {
  const { record } = rollout;
  if (revert.length > 0)
    await assignTraced({ world, dispatcher }, record, goalsBack(rollout, revert));
  if (admit.length === 0) return;
  const model = await registry.find(record.model, record.version);
  const devices = admit.flatMap((device) => world.fleet.get(device) ?? []);
  const goals = await goalsFor(world.db, { model, rollout: record }, devices);
  await assignTraced({ world, dispatcher }, record, goals);
}

async function giveReleases(
  { world, dispatcher, releases }: Runner,
  rollout: LoadedRollout,
  { admit, revert }: Given,
): Promise<void> {
  const back = agentGoalsBack(world, releases, rollout)(revert);
  const to = agentGoals(world, releases, { rollout: rollout.record, devices: admit });
  if (back.length + to.length > 0) await dispatcher.assignReleases([...back, ...to]);
}

/** Every device that the rollout has or would take in, as the planner sees it. */
export async function viewsOf(
  world: World,
  { record, members }: LoadedRollout,
  wanted: readonly Device[],
): Promise<ReadonlyMap<string, DeviceView>> {
  const variants = await variantDigests(world.db, record.model, record.version);
  const looking = { rollout: record, variants, sinceMs: world.now() - recentMs };
  const viewOf = isOfAgent(record) ? agentViewOf : modelViewOf;
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
    // What comes back is not held against what it was better than.
    return { device, goal: { ...previous, agreement: null, rollout: record.id } };
  });
}
