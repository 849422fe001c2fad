/** How rollouts take their next step: what the planner decides is stored, then done. */
import type { Assignment, Dispatcher } from '../dispatch.ts';
import type { Device } from '../fleet.ts';
import { goalsFor } from '../goals.ts';
import type { Registry } from '../registry.ts';
import { variantDigests } from '../store/models.ts';
import type { LoadedRollout, StoredMember, StoredRollout } from '../store/rollouts.ts';
import { recentMs } from '../summary.ts';
import type { World } from '../world.ts';
import { keep } from './keep.ts';
import { type DeviceView, planRollout } from './plan.ts';
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
 * Lets every rollout that isn't over take its next step. Returns in how many milliseconds time
 * alone may bring the next one; null is never.
 */
export async function lookAtAll(runner: Runner): Promise<number | null> {
  const { world, all } = runner;
  await catchUp(runner);
  const standing = all
    .filter(({ record }) => record.state !== 'aborted' && record.state !== 'failed')
    .toReversed()
    .map(({ record }) => ({ id: record.id, selects: parseSelector(record.selector) }));
  const groups = governed(world.fleet.devices.values(), standing);
  const states = new Set<StoredRollout['state']>();
  for (const rollout of all.toReversed()) {
    const wanted = groups.get(rollout.record.id) ?? [];
    if (isOver(world, rollout, wanted)) continue;
    // Giving a device something changes what is seen, so that it looks a second time.
    if (await step(runner, rollout, wanted)) await step(runner, rollout, wanted);
    states.add(rollout.record.state);
  }
  if (states.has('running') || states.has('paused')) return lookMs.underway;
  return states.has('succeeded') ? lookMs.watched : null;
}

/** One that has succeeded is only watched for telemetry that got worse. */
const lookMs = { underway: 1000, watched: 10_000 } as const;

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
function isOver(
  { fleet, now }: World,
  { record, members }: LoadedRollout,
  wanted: readonly Device[],
): boolean {
  if (record.state === 'aborted') {
    const isDone = ({ device, state, ranSame }: StoredMember) =>
      state === 'reverted' || ranSame || fleet.get(device)?.rollout !== record.id;
    return !record.reverting || [...members.values()].every(isDone);
  }
  return isSettled(record, now()) && wanted.every(({ device }) => members.has(device));
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
