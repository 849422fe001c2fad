/**
 * Rollouts as they run: what the planner decides is stored, then done; a restart looks again and
 * goes on.
 */
import { randomBytes } from 'node:crypto';
import { FettleError } from '../shared/errors.ts';
import type { ModelRecord, RolloutRecord, RolloutRequest } from '../shared/protocol/api.ts';
import type { Dispatcher } from './dispatch.ts';
import type { Registry } from './registry.ts';
import { actions, type RolloutAction } from './rollout/act.ts';
import { createLooker } from './rollout/looker.ts';
import { lookAtAll, type Runner, shown } from './rollout/run.ts';
import { parseSelector } from './rollout/selector.ts';
import { defaultWaves, normalWaves } from './rollout/waves.ts';
import { loadRollouts, putRollout, type StoredRollout } from './store/rollouts.ts';
import { instant, type World } from './world.ts';

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

export interface RolloutDoors {
  readonly dispatcher: Dispatcher;
  readonly registry: Registry;
  /** A model is about to reach devices, which will ask for its variants. */
  readonly onStarted: (model: ModelRecord) => void;
}

export async function openRollouts(
  world: World,
  { dispatcher, registry, onStarted }: RolloutDoors,
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
        const model = await readyModel(registry, request);
        const record = newRollout(runner, request, model);
        onStarted(model);
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

async function readyModel(registry: Registry, request: RolloutRequest): Promise<ModelRecord> {
  const model = await registry.find(request.model, request.version);
  if (model.state === 'ready') return model;
  const reason = `model ${model.name} ${model.version} is ${model.state}, not ready`;
  throw new FettleError('CONFLICT', { reason });
}

function newRollout(
  { world, all }: Runner,
  request: RolloutRequest,
  { name, version }: ModelRecord,
): StoredRollout {
  parseSelector(request.selector ?? '');
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
