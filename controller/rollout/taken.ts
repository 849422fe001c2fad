/** Whether newer rollouts have taken all devices that an older one is for. Pure. */
import type { Device } from '../fleet.ts';
import type { RolloutInput } from './plan.ts';
import { type Governing, governed } from './view.ts';

type Groups = ReadonlyMap<string, readonly Device[]>;

/** null where it has devices left, or its selector names none. */
export function takenFrom(
  own: Governing,
  groups: Groups,
  devices: Iterable<Device>,
): RolloutInput['taken'] {
  if ((groups.get(own.id) ?? []).length > 0) return null;
  const named = new Set(governed(devices, [own]).get(own.id));
  if (named.size === 0) return null;
  const [by] = [...groups].find(([, group]) => group.some((device) => named.has(device))) ?? [];
  return by === undefined ? null : { by, devices: named.size };
}
