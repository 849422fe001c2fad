/** Rollouts as they run: what the planner decides is stored, then done; a restart looks again and goes on. */
import { randomBytes } from 'node:crypto';
import { FettleError } from '../shared/errors.ts';
import type { RolloutRecord, RolloutRequest } from '../shared/protocol/api.ts';
import type { Dispatcher } from './dispatch.ts';
import { goalsFor } from './goals.ts';
import type { Registry } from './registry.ts';
import { createLooker } from './rollout/looker.ts';
import { planRollout, type RolloutPlan } from './rollout/plan.ts';
import { parseSelector } from './rollout/selector.ts';
import { governors, viewOf } from './rollout/view.ts';
import { defaultWaves, normalWaves } from './rollout/waves.ts';
import {
  type LoadedRollout,
  loadRollouts,
  type Previous,
  putRollout,
  type StoredMember,
  type StoredRollout,
  saveProgress,
} from './store/rollouts.ts';
import { instant, type World } from './world.ts';

export type RolloutAction = 'pause' | 'resume' | 'abort' | 'rollback';

export interface Rollouts {
  /** Throws `NOT_FOUND`, `CONFLICT` where the model isn't ready, `BAD_ARGUMENT`. */
  start(request: RolloutRequest): Promise<RolloutRecord>;
  /** Throws `NOT_FOUND`, and `CONFLICT` where its state doesn't allow it. */
  act(id: string, action: RolloutAction): Promise<RolloutRecord>;
  find(id: string): RolloutRecord;
  /** The newest first. */
  list(): RolloutRecord[];
  /** Something that rollouts look at may have changed. */
  poke(): void;
  stop(): Promise<void>;
}

const defaults = {
  soakSeconds: 30,
  timeoutSeconds: 900,
  maxFailures: 1,
  tuningBudgetSeconds: 60,
} as const;

export async function openRollouts(
  world: World,
  { dispatcher, registry }: { dispatcher: Dispatcher; registry: Registry },
): Promise<Rollouts> {
  const all = await loadRollouts(world.db);
  const runner: Runner = { world, dispatcher, registry, all };
  const looker = createLooker(() => lookAtAll(runner), {
    now: world.now,
    onFault: (thrown) => world.log.error({ err: thrown }, 'rollouts'),
  });
  looker.poke();
  const find = (id: string) => {
    const rollout = all.find(({ record }) => record.id === id);
    if (!rollout) throw new FettleError('NOT_FOUND', { what: `rollout ${id}` });
    return rollout;
  };
  return {
    start(request) {
      return looker.exclusive(async () => {
        const record = await newRollout(runner, request);
        await putRollout(world.db, record);
        const rollout = { record, members: new Map() };
        all.push(rollout);
        await lookAtAll(runner);
        looker.poke();
        return shown(rollout);
      });
    },
    act(id, action) {
      return looker.exclusive(async () => {
        const rollout = find(id);
        await actions[action](runner, rollout);
        await lookAtAll(runner);
        looker.poke();
        return shown(rollout);
      });
    },
    find: (id) => shown(find(id)),
    list: () => all.toReversed().map(shown),
    poke: looker.poke,
    stop: looker.stop,
  };
}

interface Runner {
  readonly world: World;
  readonly dispatcher: Dispatcher;
  readonly registry: Registry;
  /** The earliest first. */
  readonly all: LoadedRollout[];
}

async function newRollout(
  { world, registry, all }: Runner,
  request: RolloutRequest,
): Promise<StoredRollout> {
  const model = await registry.find(request.model, request.version);
  if (model.state !== 'ready') {
    const reason = `model ${model.name} ${model.version} is ${model.state}, not ready`;
    throw new FettleError('CONFLICT', { reason });
  }
  parseSelector(request.selector ?? '');
  const { name, version } = model;
  return {
    id: `${name}-${version}-${randomBytes(3).toString('hex')}`,
    order: (all.at(-1)?.record.order ?? 0) + 1,
    model: name,
    version,
    selector: request.selector ?? '',
    waves: [...normalWaves(request.waves ?? defaultWaves)],
    wave: 1,
    state: 'running',
    reason: 'begins',
    soakSeconds: request.soakSeconds ?? defaults.soakSeconds,
    timeoutSeconds: request.timeoutSeconds ?? defaults.timeoutSeconds,
    maxFailures: Math.max(1, request.maxFailures ?? defaults.maxFailures),
    tuningBudgetSeconds: request.tuningBudgetSeconds ?? defaults.tuningBudgetSeconds,
    createdAt: instant(world.now()),
    endedAt: null,
  };
}

/** Lets every rollout that isn't over take its next step. Returns whether time alone may bring the next one. */
async function lookAtAll(runner: Runner): Promise<boolean> {
  const { world, all } = runner;
  const standing = all
    .filter(({ record }) => record.state !== 'aborted' && record.state !== 'failed')
    .toReversed()
    .map(({ record }) => ({ id: record.id, selects: parseSelector(record.selector) }));
  const governed = governors(world.fleet.devices.values(), standing);
  let timed = false;
  for (const rollout of all.toReversed()) {
    if (rollout.record.state === 'aborted') continue;
    // Admitting changes what is seen, so that it looks a second time.
    if (await step(runner, rollout, governed)) await step(runner, rollout, governed);
    timed ||= rollout.record.state === 'running' || rollout.record.state === 'paused';
  }
  return timed;
}

/** One look at one rollout. Returns whether devices were admitted. */
async function step(
  { world, dispatcher, registry }: Runner,
  rollout: LoadedRollout,
  governed: ReadonlyMap<string, string>,
): Promise<boolean> {
  const { record, members } = rollout;
  const views = new Map(
    [...world.fleet.devices.values()]
      .filter(({ device }) => governed.get(device) === record.id || members.has(device))
      .map((device) => {
        const wanted = governed.get(device.device) === record.id;
        return [device.device, viewOf(device, record, wanted)];
      }),
  );
  const input = { ...record, members: [...members.values()] };
  const plan = planRollout(input, views, world.now());
  await keep(world, rollout, plan);
  if (plan.admit.length === 0) return false;
  const model = await registry.find(record.model, record.version);
  const devices = plan.admit.flatMap((device) => world.fleet.get(device) ?? []);
  await dispatcher.assign(await goalsFor(world.db, { model, rollout: record }, devices));
  return true;
}

/** Stores what changed; who is to be admitted is stored with what it runs now, before that changes. */
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
    const stored = { ...member, previous };
    if (!known || JSON.stringify(known) !== JSON.stringify(stored)) changed.push(stored);
  }
  const gone = [...rollout.members.keys()].filter((device) => !present.has(device));
  const { wave, state, reason } = plan;
  const { record } = rollout;
  const same = record.wave === wave && record.state === state && record.reason === reason;
  if (same && changed.length === 0 && gone.length === 0) return;
  const ended = state === 'succeeded' || state === 'failed';
  const endedAt = ended ? (record.endedAt ?? instant(world.now())) : null;
  await save(world, rollout, { ...record, wave, state, reason, endedAt }, { changed, gone });
}

async function save(
  world: World,
  rollout: LoadedRollout,
  record: StoredRollout,
  members: { changed: readonly StoredMember[]; gone: readonly string[] },
): Promise<void> {
  await saveProgress(world.db, record, members);
  rollout.record = record;
  for (const member of members.changed) rollout.members.set(member.device, member);
  for (const device of members.gone) rollout.members.delete(device);
  world.live.publish('rollout', record.id, () => shown(rollout));
}

function previousOf(world: World, device: string): Previous | null {
  const desired = world.fleet.get(device)?.desired;
  if (!desired) return null;
  const { rollout, model, hint, tuningBudgetSeconds, soakSeconds } = desired;
  return { rollout, model, hint, tuningBudgetSeconds, soakSeconds };
}

type Act = (runner: Runner, rollout: LoadedRollout) => Promise<void>;

const actions: Readonly<Record<RolloutAction, Act>> = {
  async pause({ world }, rollout) {
    require(rollout, 'pause', ['running']);
    const record = { ...rollout.record, state: 'paused', reason: 'paused by a person' } as const;
    await save(world, rollout, record, { changed: [], gone: [] });
  },
  async resume({ world }, rollout) {
    require(rollout, 'resume', ['paused']);
    const failed = [...rollout.members.values()].filter(({ state }) => state === 'failed');
    const changed = failed.map((member) => ({ ...member, accepted: true }));
    const record = { ...rollout.record, state: 'running', reason: 'resumed' } as const;
    await save(world, rollout, record, { changed, gone: [] });
  },
  async abort({ world }, rollout) {
    require(rollout, 'abort', ['running', 'paused']);
    const reason = 'aborted by a person; devices that have it keep it';
    await end(world, rollout, reason, []);
  },
  async rollback(runner, rollout) {
    require(rollout, 'rollback', ['running', 'paused', 'succeeded', 'failed', 'aborted']);
    await rollBack(runner, rollout);
  },
};

/** Every device that has it gets a new revision with what it was to run before. */
async function rollBack({ world, dispatcher }: Runner, rollout: LoadedRollout): Promise<void> {
  const { id } = rollout.record;
  const held = [...rollout.members.values()].filter(
    ({ device }) => world.fleet.get(device)?.rollout === id,
  );
  const nothing = { model: null, hint: null, tuningBudgetSeconds: 1, soakSeconds: 0 };
  const revisions = await dispatcher.assign(
    held.map(({ device, previous }) => ({
      device,
      goal: { ...(previous ?? nothing), rollout: id },
    })),
  );
  const changed = held.map((member): StoredMember => {
    const { model } = member.previous ?? nothing;
    const reason = `rolled back to ${model ? `${model.name} ${model.version}` : 'nothing'}`;
    const revision = revisions.get(member.device) ?? member.revision;
    return { ...member, state: 'waiting', revision, sinceMs: world.now(), reason };
  });
  await end(world, rollout, `rolled back on ${changed.length} devices`, changed);
}

async function end(
  world: World,
  rollout: LoadedRollout,
  reason: string,
  changed: readonly StoredMember[],
): Promise<void> {
  const endedAt = instant(world.now());
  const record = { ...rollout.record, state: 'aborted', reason, endedAt } as const;
  await save(world, rollout, record, { changed, gone: [] });
}

function require(
  { record }: LoadedRollout,
  action: RolloutAction,
  states: readonly StoredRollout['state'][],
): void {
  if (states.includes(record.state)) return;
  const reason = `rollout ${record.id} is ${record.state}: it can't ${action}`;
  throw new FettleError('CONFLICT', { reason });
}

function shown({ record, members }: LoadedRollout): RolloutRecord {
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
