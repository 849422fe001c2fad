/**
 * How often each job was begun without coming to an end, counted on disk before it begins: what
 * ends the controller each time is not begun for ever.
 */
import { FettleError } from '../../shared/errors.ts';
import type { ModelRecord, VariantRecord } from '../../shared/protocol/api.ts';
import type { PairKey } from '../store/comparisons.ts';
import type { Database } from '../store/database.ts';

export interface Starts {
  /** Counts one more. Throws `JOB_ABANDONED` where that would be one too many. */
  begin(job: string): Promise<void>;
  /** It came to an end, whichever, or is to be begun again by a controller that stops in order. */
  end(job: string): Promise<void>;
}

export const startsMax = 3;

export function measuringJob({ name, version }: Pick<ModelRecord, 'name' | 'version'>): string {
  return `measuring ${name} ${version}`;
}

/** Recipes that differ may share a name. */
export function buildingJob({ id, recipeName: name, model, version }: VariantRecord): string {
  return `building ${name} of ${model} ${version} (${id.slice(7, 19)})`;
}

export function comparingJob({ model, version, against }: PairKey): string {
  return `comparing ${model} ${version} with ${against}`;
}

export function createStarts(db: Database): Starts {
  return {
    async begin(job) {
      const row = await db
        .selectFrom('starts')
        .select('starts')
        .where('job', '=', job)
        .executeTakeFirst();
      const starts = (row?.starts ?? 0) + 1;
      if (starts > startsMax) throw new FettleError('JOB_ABANDONED', { job, times: startsMax });
      await db
        .insertInto('starts')
        .values({ job, starts })
        .onConflict((conflict) => conflict.column('job').doUpdateSet({ starts }))
        .execute();
    },
    async end(job) {
      await db.deleteFrom('starts').where('job', '=', job).execute();
    },
  };
}
