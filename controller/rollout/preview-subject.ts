/** What a preview says of what is rolled out: a model, or a release of the agent. Pure. */
import type { ModelRecord } from '../../shared/protocol/api.ts';
import { type ReleaseRecord, roomForUpdate } from '../../shared/protocol/releases.ts';
import type { RolloutPreview } from '../../shared/protocol/rollouts.ts';
import { type Device, labelsOf } from '../fleet.ts';
import { bundleFor } from '../releases/releases.ts';
import { factsOf } from './facts.ts';
import { fitOf } from './fits.ts';
import type { Selects } from './selector.ts';

type Member = RolloutPreview['members'][number];

export interface PreviewSubject {
  readonly name: string;
  readonly version: number;
  /** One sentence each. */
  readonly notes: readonly string[];
  readonly leftOut: readonly string[];
  readonly of: (device: Device) => Pick<Member, 'serves' | 'gets' | 'fits' | 'notes'>;
}

export function modelSubject(model: ModelRecord): PreviewSubject {
  const { name, version, notes } = model;
  return {
    ...{ name, version, notes, leftOut: [] },
    of({ profile, reported }) {
      const serving = reported?.serving;
      const fit = profile ? fitOf(model, profile) : { fits: 'yes' as const, notes: [] };
      return {
        serves: serving ? `${serving.model} ${serving.version}` : null,
        gets: `${name} ${version}`,
        ...{ fits: fit.fits, notes: [...fit.notes] },
      };
    },
  };
}

export interface AgentAsked {
  readonly name: string;
  readonly release: ReleaseRecord;
  readonly selects: Selects;
}

export function agentSubject(
  { name, release, selects }: AgentAsked,
  devices: ReadonlyMap<string, Device>,
): PreviewSubject {
  const { version, bundles } = release;
  const arches = bundles.map(({ arch }) => arch).join(' and ');
  return {
    ...{ name, version: release.release },
    notes: [`release ${release.release} is the agent ${version}, for ${arches}`],
    leftOut: leftOut(release, selects, devices),
    of(device) {
      const agent = device.reported?.agent;
      const bundle = bundleFor(release, device);
      const room = roomOn(device, bundle?.bytes ?? 0);
      const runs = bundle !== null && agent?.digest === bundle.digest;
      return {
        serves: agent ? `agent ${agent.version}` : null,
        gets: bundle ? `agent ${version} for ${bundle.arch}, ${short(bundle.digest)}` : '–',
        fits: room.fits,
        notes: [...room.notes, ...(runs ? ['it runs this bundle already'] : [])],
      };
    },
  };
}

const mebi = 2 ** 20;

function roomOn({ profile }: Device, bytes: number): Pick<Member, 'fits' | 'notes'> {
  const free = profile?.disk.freeMiB ?? null;
  if (free === null) return { fits: 'yes', notes: ['disk: the profile does not say'] };
  const needed = Math.ceil(roomForUpdate(bytes) / mebi);
  if (free >= needed) return { fits: 'yes', notes: [] };
  return { fits: 'no', notes: [`disk: ${needed} MiB are needed, ${Math.floor(free)} are free`] };
}

/** Devices that the selector names and that can take no bundle of this release, by the reason. */
function leftOut(
  release: ReleaseRecord,
  selects: Selects,
  devices: ReadonlyMap<string, Device>,
): string[] {
  const names = new Map<string, string[]>();
  for (const device of devices.values()) {
    const { profile, reported } = device;
    if (!profile || bundleFor(release, device)) continue;
    if (!selects(labelsOf(device), () => factsOf(device))) continue;
    const why = reported?.agent?.digest
      ? `the release has no bundle for ${profile.os.arch}`
      : 'the agent was not put there by the install command';
    names.set(why, [...(names.get(why) ?? []), device.device]);
  }
  return [...names].map(([why, all]) => `left out, for ${why}: ${listed(all)}`);
}

const listedMax = 10;

function listed(names: readonly string[]): string {
  const more = names.length - listedMax;
  return `${names.slice(0, listedMax).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function short(digest: string): string {
  return digest.slice('sha256:'.length).slice(0, 12);
}
