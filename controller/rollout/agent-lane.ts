/**
 * Rollouts of the agent itself: the planner is the one of models, and so are waves, scouts, gates
 * and what is done on a breach. What differs is what a device is given and how it says that it has
 * it. Neither kind of rollout takes devices from the other.
 */
import { agentModel } from '../../shared/protocol/agent-model.ts';
import type { Assignment } from '../dispatch.ts';
import type { Device } from '../fleet.ts';
import { bundleFor, type ReleaseGoal, type Releases, releaseGoal } from '../releases/releases.ts';
import type { LoadedRollout, StoredMember } from '../store/rollouts.ts';
import type { World } from '../world.ts';
import type { DeviceView } from './plan.ts';
import { usageOf } from './usage.ts';

export function isOfAgent({ model }: { readonly model: string }): boolean {
  return model === agentModel;
}

interface Looking {
  readonly rollout: { readonly id: string; readonly version: number };
  readonly wanted: boolean;
  /** Telemetry that arrived before is too old to judge by. */
  readonly sinceMs: number;
}

export function agentViewOf(device: Device, { rollout, wanted, sinceMs }: Looking): DeviceView {
  const { release, recent } = device;
  const governs = release?.rollout === rollout.id;
  const ours = governs && release.release === rollout.version;
  const fromMs = ours ? Math.max(sinceMs, device.releaseMs ?? 0) : sinceMs;
  const usage = usageOf(
    recent.filter(({ arrivedMs }) => arrivedMs > fromMs).map(({ window }) => window),
  );
  return {
    ...{ device: device.device, class: device.profile?.hardwareClass ?? '', wanted },
    ...{ online: device.online, seenMs: device.seenMs, revision: release?.revision ?? 0 },
    ...{ ours, reverted: governs && !ours, report: reportOf(device) },
    ...{ usage: ours ? usage : null, otherUsage: ours ? null : usage, golden: null },
    ...{ live: null, onGolden: null },
  };
}

/** It has the release when that bundle runs and has proven itself. */
function reportOf({ reported, reportedMs, release }: Device): DeviceView['report'] {
  const agent = reported?.agent;
  if (!agent || reportedMs === null) return null;
  const servesGoal = agent.state === 'current' && agent.digest === release?.digest;
  const state = servesGoal ? 'serving' : agent.state;
  const reason = agent.error?.message ?? agent.reason;
  return { revision: agent.revision, state, reason, atMs: reportedMs, servesGoal };
}

export function canTake(releases: Releases, version: number): (device: Device) => boolean {
  const release = releases.list().find((one) => one.release === version);
  return (device) => release !== undefined && bundleFor(release, device) !== null;
}

export function agentGoals(
  { fleet }: World,
  releases: Releases,
  { rollout, devices }: { rollout: LoadedRollout['record']; devices: readonly string[] },
): Assignment<ReleaseGoal>[] {
  const release = releases.find(rollout.version);
  return devices.flatMap((name) => {
    const device = fleet.get(name);
    const goal = device && releaseGoal(release, device, rollout);
    return goal ? [{ device: name, goal }] : [];
  });
}

/** The release that a device ran before this one, whoever put it there. */
export function agentBefore(
  device: Device | null,
  releases: Releases,
  version: number,
): { readonly previousRelease: number | null; readonly ranSame: boolean } {
  const running = releases.withBundle(device?.reported?.agent?.digest ?? '')?.release ?? null;
  return { previousRelease: running, ranSame: running === version };
}

export function agentGoalsBack(
  { fleet }: World,
  releases: Releases,
  { record, members }: LoadedRollout,
): (devices: readonly string[]) => Assignment<ReleaseGoal>[] {
  const before = ({ previousRelease }: StoredMember) =>
    releases.list().find(({ release }) => release === previousRelease) ?? null;
  return (devices) =>
    devices.flatMap((name) => {
      const [device, member] = [fleet.get(name), members.get(name)];
      const release = member && before(member);
      const goal = device && release ? releaseGoal(release, device, record) : null;
      return goal ? [{ device: name, goal }] : [];
    });
}
