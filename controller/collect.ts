/** What nothing needs any more: files that nothing names, tunings and spool marks of long ago. */
import { rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { sql } from 'kysely';
import { listBlobs } from './store/blobs.ts';
import type { Database } from './store/database.ts';
import type { World } from './world.ts';

const limits = {
  /** A push names its files after it has sent them. */
  blobHours: 24,
  tuningsPerDevice: 20,
  /** Until then a device may send again what was counted. */
  spoolDays: 90,
  /** Rows deleted in one transaction. */
  rows: 5000,
} as const;

/** How many there were of each. */
export interface Collected {
  readonly blobs: number;
  readonly tunings: number;
  readonly spools: number;
}

export async function collect(world: World): Promise<Collected> {
  return {
    blobs: await collectBlobs(world),
    tunings: await collectTunings(world.db),
    spools: await collectSpools(world),
  };
}

/**
 * Digests that a document of the database names, whatever it says of them: naming too many keeps a
 * file too long, naming too few would lose one. `without` leaves rows out that are about to go:
 * `model tiny 3`, with its variants, and `release 4`.
 */
export async function namedDigests(
  db: Database,
  without: ReadonlySet<string> = new Set(),
): Promise<ReadonlySet<string>> {
  const models = await db.selectFrom('models').select(['name', 'version', 'record']).execute();
  const variants = await db
    .selectFrom('variants')
    .select(['model as name', 'version', 'record'])
    .execute();
  const devices = await db.selectFrom('devices').select(['desired', 'reported']).execute();
  const releases = await db.selectFrom('releases').select(['release', 'record']).execute();
  const stay = [
    ...[...models, ...variants].filter(
      ({ name, version }) => !without.has(`model ${name} ${version}`),
    ),
    ...releases.filter(({ release }) => !without.has(`release ${release}`)),
  ];
  const texts = [
    ...stay.map(({ record }) => record),
    ...devices.flatMap(({ desired, reported }) => [desired ?? '', reported ?? '']),
  ];
  return new Set(texts.flatMap((text) => text.match(/sha256:[0-9a-f]{64}/g) ?? []));
}

async function collectBlobs({ db, blobs, now, log }: World): Promise<number> {
  const beforeMs = now() - limits.blobHours * 3_600_000;
  const stored = await listBlobs(dirname(blobs.scratch));
  const named = await namedDigests(db);
  let collected = 0;
  for (const digest of stored) {
    if (named.has(digest)) continue;
    const path = blobs.pathOf(digest);
    const found = await stat(path).catch(() => null);
    if (!found || found.mtimeMs > beforeMs) continue;
    await rm(path, { force: true });
    log.info({ digest, bytes: found.size }, 'collected a file that nothing names');
    collected += 1;
  }
  return collected;
}

async function collectTunings(db: Database): Promise<number> {
  const old = sql<unknown>`delete from tunings where (device, revision) in
    (select device, revision from
      (select device, revision,
        row_number() over (partition by device order by revision desc) as place
        from tunings) as placed
      where place > ${limits.tuningsPerDevice} limit ${limits.rows})`;
  const { numAffectedRows } = await old.execute(db);
  return Number(numAffectedRows ?? 0);
}

async function collectSpools({ db, now }: World): Promise<number> {
  const beforeMs = now() - limits.spoolDays * 86_400_000;
  const result = await db.deleteFrom('spools').where('at_ms', '<', beforeMs).executeTakeFirst();
  return Number(result.numDeletedRows);
}
