/** Devices as the planner sees them, and which rollout governs which. Pure. */
import { type Device, labelsOf } from '../fleet.ts';
import { factsOf } from './facts.ts';
import type { DeviceView } from './plan.ts';
import type { Selects } from './selector.ts';

/** A rollout that may take devices in. */
export interface Standing {
  readonly id: string;
  readonly selects: Selects;
}

/**
 * The devices that each rollout governs, by its id: a device belongs to the first in `standing`
 * whose selector names it.
 */
export function governed(
  devices: Iterable<Device>,
  standing: readonly Standing[],
): ReadonlyMap<string, readonly Device[]> {
  const found = new Map<string, Device[]>(standing.map(({ id }) => [id, []]));
  if (standing.length === 0) return found;
  for (const device of devices) {
    // Before its profile nothing is known that candidates and hints could be chosen by.
    if (!device.profile) continue;
    const labels = labelsOf(device);
    const facts = () => factsOf(device);
    const governor = standing.find(({ selects }) => selects(labels, facts));
    if (governor) found.get(governor.id)?.push(device);
  }
  return found;
}

export function viewOf(
  device: Device,
  rollout: { readonly id: string; readonly model: string; readonly version: number },
  wanted: boolean,
): DeviceView {
  const { reported, reportedMs } = device;
  const serving = reported?.serving;
  return {
    device: device.device,
    wanted,
    online: device.online,
    seenMs: device.seenMs,
    revision: device.revision,
    ours: device.rollout === rollout.id,
    report:
      reported && reportedMs !== null
        ? {
            revision: reported.revision,
            state: reported.state,
            reason: reported.error?.message ?? reported.reason,
            atMs: reportedMs,
            servesGoal: serving?.model === rollout.model && serving.version === rollout.version,
          }
        : null,
  };
}
