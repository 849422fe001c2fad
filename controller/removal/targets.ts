/** What can be archived and removed, as it stands: who needs it, what hangs on it, how it goes. */
import { FettleError } from '../../shared/errors.ts';
import { notFound } from '../../shared/not-found.ts';
import type { ModelRecord, VariantRecord } from '../../shared/protocol/api.ts';
import type { Registry } from '../registry.ts';
import type { Releases } from '../releases/releases.ts';
import { isOfAgent } from '../rollout/agent-lane.ts';
import { save } from '../rollout/keep.ts';
import { listPairs } from '../store/comparisons.ts';
import { listVariants } from '../store/models.ts';
import { deleteRollout, deleteVersion } from '../store/removal.ts';
import type { LoadedRollout } from '../store/rollouts.ts';
import type { World } from '../world.ts';
import { giftsOf, needsOfRelease, needsOfRollout, needsOfVersion, type Version } from './needs.ts';

export type Named =
  /** Without a version it is all of the model. */
  | { readonly kind: 'model'; readonly name: string; readonly version?: number }
  | { readonly kind: 'rollout'; readonly id: string }
  | { readonly kind: 'release'; readonly release: number };

export interface Target {
  /** `tiny 3`. */
  readonly what: string;
  readonly needs: readonly string[];
  readonly variants: number;
  /** Rows that name files, as `namedDigests` leaves them out. */
  readonly rows: readonly string[];
  /** What those rows say. */
  readonly documents: readonly unknown[];
  remove(): Promise<void>;
  /** null takes it back into the lists. Throws `CONFLICT` where that cannot be. */
  archive(at: string | null): Promise<void>;
}

export interface Sources {
  readonly world: World;
  readonly registry: Registry;
  readonly releases: Releases;
  readonly rollouts: LoadedRollout[];
}

/** Throws `NOT_FOUND`. */
export async function findTarget(sources: Sources, named: Named): Promise<Target> {
  if (named.kind === 'rollout') return rolloutTarget(sources, named.id);
  if (named.kind === 'release') return releaseTarget(sources, named.release);
  return await modelTarget(sources, named);
}

async function modelTarget(
  sources: Sources,
  { name, version }: Extract<Named, { kind: 'model' }>,
): Promise<Target> {
  const { registry, world } = sources;
  const listed = version === undefined ? await registry.list(name) : [];
  const found = listed.length > 0 ? listed : [await registry.find(name, version)];
  const versions: { record: ModelRecord; variants: VariantRecord[]; needs: string[] }[] = [];
  for (const record of found) {
    const variants = await listVariants(world.db, { model: name, version: record.version });
    const needs = await needsOf(sources, record, variants);
    versions.push({ record, variants, needs });
  }
  const numbers = found.map((one) => one.version);
  const whole = numbers.length === 1 ? `${numbers[0]}` : `(versions ${numbers.join(', ')})`;
  return {
    what: `${name} ${version ?? whole}`,
    needs: versions.flatMap(({ record, needs }) =>
      needs.map((need) => (found.length === 1 ? need : `${need} (version ${record.version})`)),
    ),
    variants: versions.reduce((sum, { variants }) => sum + variants.length, 0),
    rows: numbers.map((number) => `model ${name} ${number}`),
    documents: versions.map(({ record, variants }) => [record, variants]),
    async remove() {
      for (const { record, variants } of versions) {
        await deleteVersion(world.db, { name, version: record.version, variants });
        const key = `${name}@${record.version}`;
        world.live.publish('gone', `model/${key}`, () => ({ kind: 'model', key }));
      }
    },
    async archive(at) {
      for (const { record } of versions) await registry.archive(record, at);
    },
  };
}

/** By devices and rollouts, and by the work that is being done for it. */
async function needsOf(
  { world, registry, rollouts }: Sources,
  { name, version, state }: ModelRecord,
  variants: readonly VariantRecord[],
): Promise<string[]> {
  const built = variants.find((one) => one.state === 'queued' || one.state === 'building');
  const pair = (await listPairs(world.db)).find(
    (one) => one.state === 'measuring' && one.model === name && hasVersion(one, version),
  );
  const pushed = registry.held().some(({ manifest }) => manifest.name === name);
  const { devices } = world.fleet;
  return [
    ...(state === 'measuring' ? ['it is being measured'] : []),
    ...(pushed ? ['it is being pushed'] : []),
    ...(built ? [`its variant ${built.recipeName} is ${built.state}`] : []),
    ...(pair ? [`versions ${pair.version} and ${pair.against} are being compared`] : []),
    ...needsOfVersion({ name, version }, { devices, rollouts }),
  ];
}

function hasVersion(pair: { version: number; against: number }, version: number): boolean {
  return pair.version === version || pair.against === version;
}

function releaseTarget({ world, releases, rollouts }: Sources, release: number): Target {
  const record = releases.find(release);
  const { devices } = world.fleet;
  return {
    what: `release ${release} of the agent`,
    needs: needsOfRelease(record, { devices, rollouts }),
    variants: 0,
    rows: [`release ${release}`],
    documents: [record],
    remove: () => releases.remove(record),
    async archive(at) {
      await releases.archive(record, at);
    },
  };
}

/** By its id alone: the newest of a model may be another one by now. */
function rolloutTarget(sources: Sources, id: string): Target {
  const { world, rollouts } = sources;
  const rollout = rollouts.find(({ record }) => record.id === id);
  if (!rollout) {
    const known = rollouts.map(({ record }) => record.id);
    throw notFound({ what: 'rollout', name: id, known });
  }
  return {
    what: `rollout ${id}`,
    needs: needsOfRollout(rollout, world.fleet.devices),
    variants: 0,
    rows: [],
    documents: [],
    async remove() {
      await deleteRollout(world.db, id);
      rollouts.splice(rollouts.indexOf(rollout), 1);
      world.live.publish('gone', `rollout/${id}`, () => ({ kind: 'rollout', key: id }));
    },
    async archive(at) {
      if (at === null) await requireGifts(sources, rollout);
      await save(world, rollout, { record: { ...rollout.record, archivedAt: at } });
    },
  };
}

/** One that is back may give again: what it gives must be there. */
async function requireGifts(sources: Sources, rollout: LoadedRollout): Promise<void> {
  const { to, back } = giftsOf(rollout, sources.world.fleet.devices);
  for (const gift of [...to, ...back]) await requireListed(sources, gift);
}

async function requireListed(
  { registry, releases }: Sources,
  { name, version }: Version,
): Promise<void> {
  const ofAgent = isOfAgent({ model: name });
  const { archivedAt } = ofAgent ? releases.find(version) : await registry.find(name, version);
  if (!archivedAt) return;
  const reason = `it rolls out or gives back ${name} ${version}, which is archived`;
  throw new FettleError('CONFLICT', { reason });
}
