/** What people do to a rollout. */
import { FettleError } from '../../shared/errors.ts';
import type { LoadedRollout, StoredMember, StoredRollout } from '../store/rollouts.ts';
import { instant, type World } from '../world.ts';
import { type Runner, save } from './run.ts';

export type RolloutAction = 'pause' | 'resume' | 'abort' | 'rollback';

type Act = (runner: Runner, rollout: LoadedRollout) => Promise<void>;

/** Each throws `CONFLICT` where the rollout's state doesn't allow it. */
export const actions: Readonly<Record<RolloutAction, Act>> = {
  async pause({ world }, rollout) {
    requireState(rollout, 'pause', ['running']);
    const record = { ...rollout.record, state: 'paused', reason: 'paused by a person' } as const;
    await save(world, rollout, { record });
  },
  async resume({ world }, rollout) {
    requireState(rollout, 'resume', ['paused']);
    const failed = [...rollout.members.values()].filter(({ state }) => state === 'failed');
    const changed = failed.map((member) => ({ ...member, accepted: true }));
    const record = { ...rollout.record, state: 'running', reason: 'resumed' } as const;
    await save(world, rollout, { record, changed });
  },
  async abort({ world }, rollout) {
    requireState(rollout, 'abort', ['running', 'paused']);
    const reason = 'aborted by a person; devices that have it keep it';
    await end(world, rollout, { reason });
  },
  async rollback(runner, rollout) {
    requireState(rollout, 'rollback', ['running', 'paused', 'succeeded', 'failed', 'aborted']);
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
  const reason = `rolled back on ${changed.length} devices`;
  await end(world, rollout, { reason, changed });
}

async function end(
  world: World,
  rollout: LoadedRollout,
  { reason, changed = [] }: { reason: string; changed?: readonly StoredMember[] },
): Promise<void> {
  const endedAt = instant(world.now());
  const record = { ...rollout.record, state: 'aborted', reason, endedAt } as const;
  await save(world, rollout, { record, changed });
}

function requireState(
  { record }: LoadedRollout,
  action: RolloutAction,
  states: readonly StoredRollout['state'][],
): void {
  if (states.includes(record.state)) return;
  const reason = `rollout ${record.id} is ${record.state}: it can't ${action}`;
  throw new FettleError('CONFLICT', { reason });
}
