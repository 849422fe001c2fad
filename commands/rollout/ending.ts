/** How a command ends that waited for a rollout. Pure. */
import type { RolloutRecord } from '../../shared/protocol/rollouts.ts';
import type { RolloutState } from '../../shared/protocol/states.ts';
import type { Ending } from '../exit-codes.ts';

const endings = {
  running: 'done',
  paused: 'held',
  succeeded: 'done',
  failed: 'unfit',
  aborted: 'aborted',
  'rolled back': 'rolledBack',
  superseded: 'superseded',
} as const satisfies Record<RolloutState, Ending>;

export function endingOfRollout(record: Pick<RolloutRecord, 'state' | 'waitsFor'>): Ending {
  return isHeld(record) ? 'held' : endings[record.state];
}

/** It does not go on before a person has done something. */
export function isHeld({ state, waitsFor }: Pick<RolloutRecord, 'state' | 'waitsFor'>): boolean {
  return state === 'running' && waitsFor === 'approval';
}
