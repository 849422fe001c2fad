/**
 * Models, versions, rollouts and releases that are no longer wanted: archived, which takes them out
 * of the lists, or removed with their files. Neither is done to what something needs, and no
 * rollout begins meanwhile.
 */
import { rm, stat } from 'node:fs/promises';
import { FettleError } from '../../shared/errors.ts';
import type { Archived, RemovalPlan, Removed } from '../../shared/protocol/removal.ts';
import { namedDigests } from '../collect.ts';
import type { Registry } from '../registry.ts';
import type { Releases } from '../releases/releases.ts';
import type { Rollouts } from '../rollouts.ts';
import { instant, type World } from '../world.ts';
import { findTarget, type Named, type Target } from './targets.ts';

/** All throw `NOT_FOUND`. */
export interface Removal {
  /** What would go, and who needs it. */
  plan(named: Named): Promise<RemovalPlan>;
  /** Throws `NEEDED`, which names who needs it. */
  remove(named: Named): Promise<Removed>;
  /** Throws `NEEDED`; taken back into the lists, `CONFLICT` where what it gives is not there. */
  archive(named: Named, archived: boolean): Promise<Archived>;
}

export interface RemovalDoors {
  readonly registry: Registry;
  readonly releases: Releases;
  readonly rollouts: Rollouts;
}

export function createRemoval(world: World, doors: RemovalDoors): Removal {
  const { registry, releases } = doors;
  const withTarget = <T>(named: Named, work: (target: Target) => Promise<T>): Promise<T> =>
    doors.rollouts.exclusive(async (rollouts) =>
      work(await findTarget({ world, registry, releases, rollouts }, named)),
    );
  const filesOf = (target: Target) => freedBy(world, target, registry.held());
  return {
    plan: (named) =>
      withTarget(named, async (target) => {
        const { what, variants, needs } = target;
        return { what, variants, ...totalOf(await filesOf(target)), needs: [...needs] };
      }),
    remove: (named) =>
      withTarget(named, async (target) => {
        requireUnneeded(target);
        await target.remove();
        const { what, variants } = target;
        const removed = { what, variants, ...totalOf(await unlink(world, await filesOf(target))) };
        world.log.info(removed, 'removed');
        return removed;
      }),
    archive: (named, archived) =>
      withTarget(named, async (target) => {
        if (archived) requireUnneeded(target);
        const archivedAt = archived ? instant(world.now()) : null;
        await target.archive(archivedAt);
        return { what: target.what, archivedAt };
      }),
  };
}

function requireUnneeded({ what, needs }: Target): void {
  if (needs.length > 0) throw new FettleError('NEEDED', { what, needs: needs.join('; ') });
}

interface Freed {
  readonly path: string;
  readonly bytes: number;
}

/** The files of a target that neither another row nor a push under way names. */
async function freedBy(
  { db, blobs }: World,
  { rows, documents }: Target,
  held: readonly unknown[],
): Promise<Freed[]> {
  const named = await namedDigests(db, new Set(rows));
  const pushed = JSON.stringify(held);
  const freed: Freed[] = [];
  for (const digest of new Set(JSON.stringify(documents).match(/sha256:[0-9a-f]{64}/g))) {
    if (named.has(digest) || pushed.includes(digest)) continue;
    const path = blobs.pathOf(digest);
    const found = await stat(path).catch(() => null);
    if (found) freed.push({ path, bytes: found.size });
  }
  return freed;
}

/** What cannot be removed now is collected later, as all that nothing names. */
async function unlink({ log }: World, files: readonly Freed[]): Promise<Freed[]> {
  const gone: Freed[] = [];
  for (const file of files) {
    try {
      await rm(file.path, { force: true });
      gone.push(file);
    } catch (thrown) {
      log.warn({ err: thrown }, 'a file that nothing names is not removed yet');
    }
  }
  return gone;
}

function totalOf(files: readonly Freed[]): Pick<Removed, 'files' | 'bytes'> {
  return { files: files.length, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) };
}
