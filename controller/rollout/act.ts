/** What people do to a rollout. */
import { FettleError } from '../../shared/errors.ts';
import { isEnded } from '../../shared/protocol/states.ts';
import type { LoadedRollout, StoredMember, StoredRollout } from '../store/rollouts.ts';
import { instant, type World } from '../world.ts';
import { keyOf } from './breach.ts';
import { save } from './keep.ts';
import type { Runner } from './run.ts';

/** Every action, and what it does in a line. */
export const actionTable = {
  pause: 'Takes no further devices in',
  resume: 'Goes on; failures and breached gates so far are accepted',
  approve: 'Lets the wave begin that waits for approval',
  retry: 'Tries the failed devices anew, and no others',
  abort: 'Ends it; devices that have the model keep it',
  rollback: 'Ends it; devices that have the model get back what they were to run before',
} as const;
export type RolloutAction = keyof typeof actionTable;

type Act = (world: World, rollout: LoadedRollout) => Promise<void>;

/** Throws `CONFLICT` where the state doesn't allow it. The next look does what follows. */
export async function act(
  runner: Runner,
  rollout: LoadedRollout,
  action: RolloutAction,
): Promise<void> {
  if (rollout.record.archivedAt) {
    const { id } = rollout.record;
    const reason = `rollout ${id} is archived; fettle rollout restore ${id} brings it back`;
    throw new FettleError('CONFLICT', { reason });
  }
  await acts[action](runner.world, rollout);
}

const acts: Readonly<Record<RolloutAction, Act>> = {
  async pause(world, rollout) {
    requireState(rollout, 'pause', ['running']);
    await set(world, rollout, { state: 'paused', reason: 'paused by a person' });
  },
  async resume(world, rollout) {
    requireState(rollout, 'resume', ['paused']);
    const { accepted, stops } = rollout.record;
    const breached = rollout.verdicts.filter(({ state }) => state === 'breached').map(keyOf);
    const changed = failedOf(rollout).map((member) => ({ ...member, accepted: true }));
    const going = {
      accepted: [...new Set([...accepted, ...breached.filter((key) => !isCount(key))])],
      stops: stops.filter(({ action }) => action !== 'pause'),
    };
    await set(world, rollout, { state: 'running', reason: 'resumed', ...going, changed });
  },
  async approve(world, rollout) {
    const { waitsFor, wave, waves, approvedWave, id } = rollout.record;
    requireState(rollout, 'approve', ['running']);
    if (waitsFor !== 'approval') {
      throw new FettleError('CONFLICT', { reason: `rollout ${id} waits for no approval` });
    }
    const barred = waves[wave - 1]?.approval === true && approvedWave < wave;
    const approved = barred ? wave : wave + 1;
    const reason = `wave ${approved} is approved`;
    await set(world, rollout, { state: 'running', approvedWave: approved, reason });
  },
  async retry(world, rollout) {
    requireState(rollout, 'retry', ['running', 'paused', 'succeeded', 'failed']);
    const failed = failedOf(rollout);
    if (failed.length === 0) {
      const reason = `no device of rollout ${rollout.record.id} has failed`;
      throw new FettleError('CONFLICT', { reason });
    }
    const reason = `${failed.length} failed devices are tried anew`;
    await set(world, rollout, { state: 'running', reason, changed: failed.map(anew) });
  },
  async abort(world, rollout) {
    requireState(rollout, 'abort', ['running', 'paused']);
    const reason = 'aborted by a person; devices that have it keep it';
    await set(world, rollout, { state: 'aborted', reason });
  },
  async rollback(world, rollout) {
    const states = ['running', 'paused', 'succeeded', 'failed', 'aborted'] as const;
    requireState(rollout, 'roll back', states);
    const reason = 'rolled back by a person';
    await set(world, rollout, { state: 'rolled back', reverting: true, reason });
  },
};

/** Failures are accepted device by device: the next one counts again. */
function isCount(key: string): boolean {
  return key.startsWith('failures/limit/');
}

function failedOf({ members }: LoadedRollout): StoredMember[] {
  return [...members.values()].filter(({ state }) => state === 'failed');
}

function anew(member: StoredMember): StoredMember {
  const { revision, retried } = member;
  return {
    ...member,
    ...{ state: 'waiting', revision: null, retried: revision ?? retried, accepted: false },
    ...{ admittedMs: null, sinceMs: null, golden: null, reason: 'is to be tried anew' },
  };
}

interface Change extends Partial<StoredRollout> {
  readonly changed?: readonly StoredMember[];
}

async function set(
  world: World,
  rollout: LoadedRollout,
  { changed = [], ...change }: Change,
): Promise<void> {
  const now = instant(world.now());
  const endedAt = change.state && isEnded(change.state) ? now : null;
  const record = { ...rollout.record, ...change, waitsFor: null, since: now, endedAt };
  await save(world, rollout, { record, changed });
}

function requireState(
  { record }: LoadedRollout,
  action: string,
  states: readonly StoredRollout['state'][],
): void {
  if (states.includes(record.state)) return;
  const reason = `rollout ${record.id} is ${record.state}: it can't ${action}`;
  throw new FettleError('CONFLICT', { reason });
}
