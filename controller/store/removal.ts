/** What goes out of the database with a version, a rollout or a release. */
import type { VariantRecord } from '../../shared/protocol/api.ts';
import { buildingJob, measuringJob } from '../work/starts.ts';
import type { Database } from './database.ts';

export interface RemovedVersion {
  readonly name: string;
  readonly version: number;
  readonly variants: readonly VariantRecord[];
}

/** A version with its qualities, variants, comparisons and jobs. */
export async function deleteVersion(
  db: Database,
  { name, version, variants }: RemovedVersion,
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const jobs = [measuringJob({ name, version }), ...variants.map(buildingJob)];
    for (const job of jobs) await tx.deleteFrom('starts').where('job', '=', job).execute();
    for (const table of ['variants', 'comparisons'] as const) {
      const ofModel = tx.deleteFrom(table).where('model', '=', name);
      await ofModel.where('version', '=', version).execute();
    }
    const compared = tx.deleteFrom('comparisons').where('model', '=', name);
    await compared.where('against', '=', version).execute();
    await tx.deleteFrom('models').where('name', '=', name).where('version', '=', version).execute();
    await rememberNumber(tx, { kind: 'model', name, number: version });
  });
}

export async function deleteRollout(db: Database, id: string): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await tx.deleteFrom('members').where('rollout', '=', id).execute();
    await tx.deleteFrom('rollouts').where('id', '=', id).execute();
  });
}

export async function deleteRelease(db: Database, release: number): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await tx.deleteFrom('releases').where('release', '=', release).execute();
    await rememberNumber(tx, { kind: 'release', name: '', number: release });
  });
}

interface Row {
  readonly kind: 'model' | 'release';
  /** Of the model; '' for releases, which have one row of numbers. */
  readonly name: string;
}

/** The highest number that was given out and removed; 0 where none was. */
export async function highestRemoved(db: Database, { kind, name }: Row): Promise<number> {
  const row = await db
    .selectFrom('removed_numbers')
    .select('number')
    .where('kind', '=', kind)
    .where('name', '=', name)
    .executeTakeFirst();
  return row?.number ?? 0;
}

async function rememberNumber(
  db: Database,
  { kind, name, number }: Row & { readonly number: number },
): Promise<void> {
  const highest = Math.max(number, await highestRemoved(db, { kind, name }));
  await db
    .insertInto('removed_numbers')
    .values({ kind, name, number: highest })
    .onConflict((conflict) => conflict.columns(['kind', 'name']).doUpdateSet({ number: highest }))
    .execute();
}
