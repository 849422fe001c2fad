/** Devices as the planner sees them, and which rollout governs which. Pure. */
import type { Window } from '../../shared/protocol/messages.ts';
import { type Device, labelsOf } from '../fleet.ts';
import { factsOf } from './facts.ts';
import type { DeviceView } from './plan.ts';
import type { Selects } from './selector.ts';
import { usageOf } from './usage.ts';

/** A rollout that may take devices in. */
export interface Governing {
  readonly id: string;
  readonly selects: Selects;
  /** Whether it has anything for the device. */
  readonly takes: (device: Device) => boolean;
}

/**
 * The devices that each rollout governs, by its id: a device belongs to the first in `standing`
 * whose selector names it.
 */
export function governed(
  devices: Iterable<Device>,
  standing: readonly Governing[],
): ReadonlyMap<string, readonly Device[]> {
  const found = new Map<string, Device[]>(standing.map(({ id }) => [id, []]));
  if (standing.length === 0) return found;
  for (const device of devices) {
    // Before its profile nothing is known that candidates and hints could be chosen by.
    if (!device.profile) continue;
    const labels = labelsOf(device);
    const facts = () => factsOf(device);
    const governor = standing.find(({ selects, takes }) => takes(device) && selects(labels, facts));
    if (governor) found.get(governor.id)?.push(device);
  }
  return found;
}

/** What a device is looked at for. */
export interface Looking {
  readonly rollout: { readonly id: string; readonly model: string; readonly version: number };
  readonly wanted: boolean;
  /** Digests of the variants of the model: what else is served was not made of it. */
  readonly variants: ReadonlySet<string>;
  /** Telemetry that arrived before is too old to judge by. */
  readonly sinceMs: number;
}

export function viewOf(device: Device, looking: Looking): DeviceView {
  const { rollout, wanted } = looking;
  const isGoal = (it: { version: number } | null | undefined, model: string | undefined) =>
    model === rollout.model && it?.version === rollout.version;
  const given = device.desired?.model;
  const governs = device.rollout === rollout.id;
  const ours = governs && isGoal(given, given?.name);
  const { golden } = device;
  const serving = device.reported?.serving;
  return {
    device: device.device,
    class: device.profile?.hardwareClass ?? '',
    wanted,
    online: device.online,
    seenMs: device.seenMs,
    revision: device.revision,
    ours,
    reverted: governs && !ours,
    report: reportOf(device, looking),
    usage: ours ? usageOf(windowsOf(device, looking, true)) : null,
    otherUsage: usageOf(windowsOf(device, looking, false)),
    golden: isGoal(golden, golden?.model) ? (golden?.agreement ?? null) : null,
    live: isGoal(serving, serving?.model) ? (serving?.live ?? null) : null,
    onGolden: isGoal(serving, serving?.model) ? (serving?.onGolden ?? null) : null,
  };
}

function reportOf(device: Device, { rollout, variants }: Looking): DeviceView['report'] {
  const { reported, reportedMs } = device;
  if (!reported || reportedMs === null) return null;
  const { revision, state, reason, error, serving } = reported;
  const named = serving?.model === rollout.model && serving.version === rollout.version;
  return {
    revision,
    state,
    reason: error?.message ?? reason,
    atMs: reportedMs,
    servesGoal: named && variants.has(serving.variant),
  };
}

/**
 * The newest windows of the model since the device was last given something: with the version of
 * the rollout, or with another one. One at a time: the last of them says which.
 */
function windowsOf(device: Device, { rollout, sinceMs }: Looking, goal: boolean): Window[] {
  const windows = device.recent
    .filter(({ arrivedMs }) => arrivedMs > Math.max(sinceMs, device.desiredMs ?? 0))
    .map(({ window }) => window)
    .filter(({ model }) => model === rollout.model)
    .filter(({ version }) => (version === rollout.version) === goal);
  const newest = windows.at(-1)?.version;
  return windows.filter(({ version }) => version === newest);
}
