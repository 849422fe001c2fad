/** Why something cannot go: who needs it, in words. Pure. */
import { agentModel } from '../../shared/protocol/agent-model.ts';
import type { ReleaseRecord } from '../../shared/protocol/releases.ts';
import type { RolloutState } from '../../shared/protocol/states.ts';
import type { Device } from '../fleet.ts';
import { type DeviceOf, governorOf, owedBack } from '../rollout/owed.ts';
import type { LoadedRollout, StoredMember } from '../store/rollouts.ts';

/** Of a model; a release of the agent goes by the name that its rollouts have. */
export interface Version {
  readonly name: string;
  readonly version: number;
}

export interface Known {
  readonly devices: ReadonlyMap<string, Device>;
  readonly rollouts: readonly LoadedRollout[];
}

/** Of one version of a model. */
export function needsOfVersion(wanted: Version, { devices, rollouts }: Known): string[] {
  const { name, version } = wanted;
  const serves = ({ reported }: Device) =>
    reported?.serving?.model === name && reported.serving.version === version;
  const isGoal = ({ desired }: Device) =>
    desired?.model?.name === name && desired.model.version === version;
  return [
    ...byDevices(devices, serves, ['serves it', 'serve it']),
    ...byDevices(devices, isGoal, ['is to run it', 'are to run it']),
    ...byRollouts(wanted, { devices, rollouts }),
  ];
}

/** Of a release of the agent. */
export function needsOfRelease(
  { release, bundles }: Pick<ReleaseRecord, 'release' | 'bundles'>,
  { devices, rollouts }: Known,
): string[] {
  const digests = new Set<string>(bundles.map(({ digest }) => digest));
  const runs = ({ reported }: Device) => digests.has(reported?.agent?.digest ?? '');
  const isGoal = (device: Device) => device.release?.release === release;
  return [
    ...byDevices(devices, runs, ['runs it', 'run it']),
    ...byDevices(devices, isGoal, ['is to run it', 'are to run it']),
    ...byRollouts({ name: agentModel, version: release }, { devices, rollouts }),
  ];
}

/** Of a rollout: who has a goal from one that stands would fall to an earlier one without it. */
export function needsOfRollout(rollout: LoadedRollout, devices: Known['devices']): string[] {
  const { id, state } = rollout.record;
  if (state === 'running' || state === 'paused') return [`it is ${state}`];
  const hasGoal = (device: Device) => governorOf(rollout.record, device) === id;
  if (state === 'succeeded') {
    return byDevices(devices, hasGoal, ['has its goal from it', 'have their goals from it']);
  }
  if (state !== 'rolled back') return [];
  const owed = new Set(owedBack(rollout, deviceIn(devices)).map(({ device }) => device));
  const waits = ({ device }: Device) => owed.has(device);
  const verb = 'not got back yet what ran before';
  return byDevices(devices, waits, [`has ${verb}`, `have ${verb}`]);
}

/** What a rollout may yet give: to further devices, and back to those that have its goal. */
export interface Gifts {
  readonly to: readonly Version[];
  readonly back: readonly Version[];
}

export function giftsOf(rollout: LoadedRollout, devices: Known['devices']): Gifts {
  const { model, version, state } = rollout.record;
  const may = gives[state];
  const owed = may.back ? owedBack(rollout, deviceIn(devices)) : [];
  return {
    to: may.to ? [{ name: model, version }] : [],
    back: owed.flatMap(beforeOf),
  };
}

/** One that failed can be retried, and one that was aborted rolled back. */
const gives = {
  running: { to: true, back: true },
  paused: { to: true, back: true },
  succeeded: { to: true, back: true },
  failed: { to: true, back: true },
  aborted: { to: false, back: true },
  'rolled back': { to: false, back: true },
  superseded: { to: false, back: false },
} as const satisfies Record<RolloutState, { to: boolean; back: boolean }>;

function beforeOf({ previous, previousRelease }: StoredMember): Version[] {
  const model = previous?.model;
  return [
    ...(model ? [{ name: model.name, version: model.version }] : []),
    ...(previousRelease === null ? [] : [{ name: agentModel, version: previousRelease }]),
  ];
}

function byRollouts({ name, version }: Version, { devices, rollouts }: Known): string[] {
  const isIt = (one: Version) => one.name === name && one.version === version;
  return rollouts.flatMap((rollout) => {
    // One that is archived gives nothing: what it would is looked for when it is brought back.
    if (rollout.record.archivedAt) return [];
    const { id, state } = rollout.record;
    const { to, back } = giftsOf(rollout, devices);
    const whose = `rollout ${id} (${state})`;
    if (to.some(isIt)) return [`${whose} ${state === 'failed' ? 'can retry it' : 'rolls it out'}`];
    return back.some(isIt) ? [`${whose} would give it back`] : [];
  });
}

/** Names that are told; of more it is said how many. */
const namesMax = 5;

function byDevices(
  devices: Known['devices'],
  needs: (device: Device) => boolean,
  [one, several]: readonly [string, string],
): string[] {
  const found = [...devices.values()].filter(needs).map(({ device }) => device);
  if (found.length === 0) return [];
  const more = found.length > namesMax ? ` and ${found.length - namesMax} more` : '';
  return [`${found.slice(0, namesMax).join(', ')}${more} ${found.length === 1 ? one : several}`];
}

function deviceIn(devices: Known['devices']): DeviceOf {
  return (name) => devices.get(name) ?? null;
}
