/** Releases of the agent: bundles that were pushed together, and which device may get which. */

import { type Digest, isDigest } from '../../shared/digest.ts';
import { FettleError } from '../../shared/errors.ts';
import { encodeJson } from '../../shared/json.ts';
import { notNumbered } from '../../shared/not-found.ts';
import { agentModel } from '../../shared/protocol/agent-model.ts';
import { type BundleRecord, ReleaseRecord } from '../../shared/protocol/releases.ts';
import type { Device } from '../fleet.ts';
import { decodeStored } from '../store/database.ts';
import { deleteRelease, highestRemoved } from '../store/removal.ts';
import { instant, type World } from '../world.ts';
import { readBundle } from './manifest.ts';

/** The content of a release document, before it has a number. */
export interface ReleaseGoal {
  readonly rollout: string | null;
  readonly release: number;
  readonly version: string;
  readonly digest: Digest;
  readonly bytes: number;
  readonly healthySeconds: number;
}

export interface Releases {
  /** Throws `NOT_FOUND` for files that were not uploaded, `BUNDLE_INVALID`. */
  add(digests: readonly Digest[]): Promise<ReleaseRecord>;
  /** Throws `NOT_FOUND`. Without a number it is the newest. */
  find(release?: number): ReleaseRecord;
  /** The newest first. */
  list(): readonly ReleaseRecord[];
  /** Since when it is out of the lists; null takes it back. */
  archive(record: ReleaseRecord, archivedAt: string | null): Promise<ReleaseRecord>;
  /** Its number is not given out again. */
  remove(record: ReleaseRecord): Promise<void>;
  /** The release that this bundle belongs to. */
  withBundle(digest: string): ReleaseRecord | null;
}

/** A device that is slow and loads a large model needs minutes until it serves again. */
const healthySecondsMax = 300;

export async function openReleases(world: World): Promise<Releases> {
  const rows = await world.db.selectFrom('releases').selectAll().orderBy('release').execute();
  let removed = await highestRemoved(world.db, { kind: 'release', name: '' });
  const all = rows.map(({ record }) => decodeStored(ReleaseRecord, record));
  const holds = (digest: string) => (release: ReleaseRecord) =>
    release.bundles.some((bundle) => bundle.digest === digest);
  const archive = async (record: ReleaseRecord, archivedAt: string | null) => {
    const next = { ...record, archivedAt };
    await world.db
      .updateTable('releases')
      .set({ record: encodeJson(next) })
      .where('release', '=', record.release)
      .execute();
    all.splice(all.indexOf(record), 1, next);
    return next;
  };
  return {
    async add(digests) {
      const read = await Promise.all(digests.map((digest) => readUploaded(world, digest)));
      const version = requireOneVersion(read);
      const bundles = read.map(({ bundle }) => bundle);
      const known = all.findLast(
        (release) =>
          release.bundles.length === digests.length &&
          digests.every((digest) => holds(digest)(release)),
      );
      if (known) return known.archivedAt ? await archive(known, null) : known;
      const release = Math.max(all.at(-1)?.release ?? 0, removed) + 1;
      const record = { release, version, bundles, createdAt: instant(world.now()) };
      const row = { release, record: encodeJson(record) };
      await world.db.insertInto('releases').values(row).execute();
      all.push(record);
      return record;
    },
    archive,
    async remove(record) {
      await deleteRelease(world.db, record.release);
      removed = Math.max(removed, record.release);
      all.splice(all.indexOf(record), 1);
    },
    find(release) {
      const found =
        release === undefined
          ? all.findLast(({ archivedAt }) => !archivedAt)
          : all.find((one) => one.release === release);
      if (found) return found;
      const known = all.toReversed().map((one) => String(one.release));
      throw notNumbered({ what: 'release', name: `${release ?? ''} of the agent`, known });
    },
    list: () => all.toReversed(),
    withBundle: (digest) => all.findLast(holds(digest)) ?? null,
  };
}

/** The bundle of a release for this device; null where there is none, or where it takes none. */
export function bundleFor(release: ReleaseRecord, device: Device): BundleRecord | null {
  const arch = device.profile?.os.arch;
  // Only one that the launcher has started can replace itself.
  if (!device.reported?.agent?.digest) return null;
  return release.bundles.find((bundle) => bundle.arch === arch) ?? null;
}

/** The device knows that it failed before the rollout loses patience. */
export function releaseGoal(
  release: ReleaseRecord,
  device: Device,
  rollout: { readonly id: string; readonly timeoutSeconds: number },
): ReleaseGoal | null {
  const bundle = bundleFor(release, device);
  if (!bundle) return null;
  const { digest, bytes } = bundle;
  const { version } = release;
  const healthySeconds = Math.min(healthySecondsMax, rollout.timeoutSeconds / 2);
  return {
    ...{ rollout: rollout.id, release: release.release },
    ...{ version, digest, bytes, healthySeconds },
  };
}

/** No model may be called as the agent is. */
export function requireNotAgent(name: string): void {
  if (name !== agentModel) return;
  const expected = 'another name: this one is the agent itself';
  throw new FettleError('BAD_ARGUMENT', { what: 'model name', expected, got: name });
}

async function readUploaded({ blobs }: World, digest: Digest) {
  if ((await blobs.sizeOf(digest)) === null || !isDigest(digest)) {
    throw new FettleError('NOT_FOUND', { what: `file ${digest}` });
  }
  return await readBundle(blobs.pathOf(digest), digest);
}

function requireOneVersion(read: Awaited<ReturnType<typeof readUploaded>>[]): string {
  const versions = [...new Set(read.map(({ version }) => version))];
  const arches = new Set(read.map(({ bundle }) => bundle.arch));
  const [version] = versions;
  if (version !== undefined && versions.length === 1 && arches.size === read.length) return version;
  const expected = 'bundles of one version, one for an architecture';
  const got = read.map((one) => `${one.version} for ${one.bundle.arch}`).join(', ');
  throw new FettleError('BAD_ARGUMENT', { what: 'bundles', expected, got });
}
