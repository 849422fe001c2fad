/** Which devices a rollout could still give back what they ran before. Pure. */
import type { Device } from '../fleet.ts';
import type { LoadedRollout, StoredMember } from '../store/rollouts.ts';
import { isOfAgent } from './agent-lane.ts';

export type DeviceOf = (name: string) => Device | null;

/** The rollout that a device has its goal from: of the agent, or of a model. */
export function governorOf(
  record: { readonly model: string },
  device: Device | null,
): string | null | undefined {
  return isOfAgent(record) ? device?.release?.rollout : device?.rollout;
}

/** Members that have their goal from it, ran something else before, and have not got it back. */
export function owedBack({ record, members }: LoadedRollout, deviceOf: DeviceOf): StoredMember[] {
  return [...members.values()].filter(
    ({ device, state, ranSame }) =>
      state !== 'reverted' && !ranSame && governorOf(record, deviceOf(device)) === record.id,
  );
}
