/** What a look decided, as it is stored, remembered and told to who watches. */

import { canonicalJson } from '../../shared/canonical-json.ts';
import type { RolloutRecord } from '../../shared/protocol/rollouts.ts';
import { isEnded } from '../../shared/protocol/states.ts';
import type { Noted } from '../device-log.ts';
import type { Releases } from '../releases/releases.ts';
import {
  type LoadedRollout,
  type Previous,
  type StoredMember,
  type StoredRollout,
  saveProgress,
} from '../store/rollouts.ts';
import { instant, type World } from '../world.ts';
import { agentBefore, isOfAgent } from './agent-lane.ts';
import type { DeviceView, Member, RolloutPlan } from './plan.ts';

interface Decided {
  readonly plan: RolloutPlan;
  readonly views: ReadonlyMap<string, DeviceView>;
  readonly releases: Releases;
}

/**
 * Stores what changed; who is to be admitted is stored with what it runs now and how it behaves,
 * before that changes.
 */
export async function keep(
  world: World,
  rollout: LoadedRollout,
  { plan, views, releases }: Decided,
): Promise<void> {
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
      ? { ...member, ...before(world, record, { view: views.get(member.device), releases }) }
      : {
          ...member,
          previous: known?.previous ?? null,
          previousRelease: known?.previousRelease ?? null,
        };
    if (!known || !sameMember(known, next)) changed.push(next);
  }
  const gone = [...rollout.members.keys()].filter((device) => !present.has(device));
  const next = nextRecord(record, plan, world.now());
  const saidAnew = saidOf(plan.verdicts) !== saidOf(rollout.verdicts);
  rollout.verdicts = plan.verdicts;
  rollout.outlook = plan.outlook;
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
  const { wave, state, reason, waitsFor, reverting, stops, breach } = plan;
  const sameWait = record.state === state && record.wave === wave && record.waitsFor === waitsFor;
  const sameStops = record.stops.length === stops.length && record.reverting === reverting;
  if (sameWait && sameStops && record.reason === reason) return null;
  const now = instant(nowMs);
  const endedAt = isEnded(state) ? (record.endedAt ?? now) : null;
  const since = sameWait ? record.since : now;
  return {
    ...{ ...record, wave, state, reason, waitsFor, reverting, breach },
    ...{ stops: [...stops], since, endedAt },
  };
}

function sameMember(a: StoredMember, b: StoredMember): boolean {
  const { previous, baseline } = a;
  if (previous !== b.previous || baseline !== b.baseline) return false;
  const plain = (member: StoredMember) =>
    canonicalJson({ ...member, previous: null, baseline: null });
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
  world.deviceLog.note(
    changed.flatMap((member) => entryOf(record, rollout.members.get(member.device), member) ?? []),
  );
  rollout.record = record;
  for (const member of changed) rollout.members.set(member.device, member);
  for (const device of gone) rollout.members.delete(device);
  publish(world, rollout);
}

/** What a rollout makes of a device; whom it only waits for has lived through nothing yet. */
function entryOf(
  { id }: StoredRollout,
  before: StoredMember | undefined,
  { device, state, reason }: StoredMember,
): Noted | null {
  if (state === (before?.state ?? 'waiting')) return null;
  const level = state === 'failed' ? 'error' : state === 'reverted' ? 'warn' : 'info';
  const message = `rollout ${id}: ${state}: ${reason}`;
  return { device, kind: 'rollout', level, code: `ROLLOUT_${state.toUpperCase()}`, message };
}

function publish(world: World, rollout: LoadedRollout): void {
  world.live.publish('rollout', rollout.record.id, () => shown(rollout));
}

/** What a device was to run, and how that behaved. */
function before(
  world: World,
  record: StoredRollout,
  { view, releases }: { view: DeviceView | undefined; releases: Releases },
): Pick<StoredMember, 'previous' | 'previousRelease' | 'ranSame' | 'baseline'> {
  const { model, version } = record;
  const device = view ? world.fleet.get(view.device) : null;
  const baseline = view?.otherUsage ?? null;
  if (isOfAgent(record)) {
    return { previous: null, baseline, ...agentBefore(device, releases, version) };
  }
  const desired = device?.desired ?? null;
  const previousRelease = null;
  if (!desired) return { previous: null, previousRelease, ranSame: false, baseline: null };
  const { rollout, hint, tuningBudgetSeconds, soakSeconds } = desired;
  const previous: Previous = {
    ...{ rollout, model: desired.model, hint },
    ...{ tuningBudgetSeconds, soakSeconds },
  };
  const ranSame = desired.model?.name === model && desired.model.version === version;
  return { previous, previousRelease, ranSame, baseline };
}

export function shown({ record, members, verdicts, outlook }: LoadedRollout): RolloutRecord {
  const { order: _, ...rest } = record;
  const list = [...members.values()].sort(byName);
  return {
    ...rest,
    verdicts: [...verdicts],
    outlook: [...outlook],
    members: list.map(({ device, class: own, wave, state, revision, sinceMs, reason, offline }) => {
      const since = sinceMs === null ? null : instant(sinceMs);
      return { device, class: own, wave, state, revision, since, reason, offline };
    }),
  };
}

function byName(a: Member, b: Member): number {
  return a.device < b.device ? -1 : 1;
}
