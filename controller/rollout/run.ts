/** How rollouts take their next step: what the planner decides is stored, then done. */
import type { RolloutRecord } from '../../shared/protocol/api.ts';
import type { Dispatcher } from '../dispatch.ts';
import type { Device } from '../fleet.ts';
import { goalsFor } from '../goals.ts';
import type { Registry } from '../registry.ts';
import {
  type LoadedRollout,
  type Previous,
  type StoredMember,
  type StoredRollout,
  saveProgress,
} from '../store/rollouts.ts';
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
  const standing = all
    .filter(({ record }) => record.state !== 'aborted' && record.state !== 'failed')
    .toReversed()
    .map(({ record }) => ({ id: record.id, selects: parseSelector(record.selector) }));
  const groups = governed(world.fleet.devices.values(), standing);
  let timed = false;
  for (const rollout of all.toReversed()) {
    if (rollout.record.state === 'aborted') continue;
    // Admitting changes what is seen, so that it looks a second time.
    const wanted = groups.get(rollout.record.id) ?? [];
    if (await step(runner, rollout, wanted)) await step(runner, rollout, wanted);
    timed ||= rollout.record.state === 'running' || rollout.record.state === 'paused';
  }
  return timed;
}

/** One look at one rollout. Returns whether devices were admitted. */
async function step(
  { world, dispatcher, registry }: Runner,
  rollout: LoadedRollout,
  wanted: readonly Device[],
): Promise<boolean> {
  const { record, members } = rollout;
  const views = new Map<string, DeviceView>();
  for (const name of members.keys()) {
    const device = world.fleet.get(name);
    if (device) views.set(name, viewOf(device, record, false));
  }
  for (const device of wanted) views.set(device.device, viewOf(device, record, true));
  const input = { ...record, members: [...members.values()] };
  const plan = planRollout(input, views, world.now());
  await keep(world, rollout, plan);
  if (plan.admit.length === 0) return false;
  const model = await registry.find(record.model, record.version);
  const devices = plan.admit.flatMap((device) => world.fleet.get(device) ?? []);
  await dispatcher.assign(await goalsFor(world.db, { model, rollout: record }, devices));
  return true;
}

/**
 * Stores what changed; who is to be admitted is stored with what it runs now, before that changes.
 */
async function keep(world: World, rollout: LoadedRollout, plan: RolloutPlan): Promise<void> {
  const admitted = new Set(plan.admit);
  const present = new Set<string>();
  const changed: StoredMember[] = [];
  for (const member of plan.members) {
    present.add(member.device);
    const known = rollout.members.get(member.device);
    const previous = admitted.has(member.device)
      ? previousOf(world, member.device)
      : (known?.previous ?? null);
    if (!known || previous !== known.previous || !sameMember(known, member)) {
      changed.push({ ...member, previous });
    }
  }
  const gone = [...rollout.members.keys()].filter((device) => !present.has(device));
  const { wave, state, reason } = plan;
  const { record } = rollout;
  const same = record.wave === wave && record.state === state && record.reason === reason;
  if (same && changed.length === 0 && gone.length === 0) return;
  const ended = state === 'succeeded' || state === 'failed';
  const endedAt = ended ? (record.endedAt ?? instant(world.now())) : null;
  const next = { ...record, wave, state, reason, endedAt };
  await save(world, rollout, { record: next, changed, gone });
}

function sameMember(a: Member, b: Member): boolean {
  return (
    a.state === b.state &&
    a.reason === b.reason &&
    a.revision === b.revision &&
    a.wave === b.wave &&
    a.sinceMs === b.sinceMs &&
    a.admittedMs === b.admittedMs &&
    a.accepted === b.accepted
  );
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
  world.live.publish('rollout', record.id, () => shown(rollout));
}

function previousOf(world: World, device: string): Previous | null {
  const desired = world.fleet.get(device)?.desired;
  if (!desired) return null;
  const { rollout, model, hint, tuningBudgetSeconds, soakSeconds } = desired;
  return { rollout, model, hint, tuningBudgetSeconds, soakSeconds };
}

export function shown({ record, members }: LoadedRollout): RolloutRecord {
  const { order: _, ...rest } = record;
  const list = [...members.values()].sort((a, b) => (a.device < b.device ? -1 : 1));
  return {
    ...rest,
    members: list.map(({ device, wave, state, revision, sinceMs, reason }) => {
      const since = sinceMs === null ? null : instant(sinceMs);
      return { device, wave, state, revision, since, reason };
    }),
  };
}
