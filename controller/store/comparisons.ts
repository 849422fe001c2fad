/** What running two versions of a model on one data set gave, as it is stored. */
import * as v from 'valibot';
import { encodeJson } from '../../shared/json.ts';
import { Count, Name, Text } from '../../shared/protocol/fields.ts';
import { type Database, decodeStored } from './database.ts';

export const StoredPair = v.object({
  model: Name,
  version: Count,
  against: Count,
  state: v.picklist(['measuring', 'ready', 'failed']),
  measured: v.nullable(
    v.object({
      samples: Count,
      agreement: v.nullable(v.number()),
      before: v.nullable(v.number()),
    }),
  ),
  /** Why it failed. */
  reason: v.nullable(Text),
});
export type StoredPair = v.InferOutput<typeof StoredPair>;

export type PairKey = Pick<StoredPair, 'model' | 'version' | 'against'>;

export async function findPair(db: Database, key: PairKey): Promise<StoredPair | null> {
  const row = await db
    .selectFrom('comparisons')
    .select('record')
    .where('model', '=', key.model)
    .where('version', '=', key.version)
    .where('against', '=', key.against)
    .executeTakeFirst();
  return row ? decodeStored(StoredPair, row.record) : null;
}

export async function listPairs(db: Database): Promise<StoredPair[]> {
  const rows = await db.selectFrom('comparisons').select('record').execute();
  return rows.map(({ record }) => decodeStored(StoredPair, record));
}

export async function putPair(db: Database, pair: StoredPair): Promise<void> {
  const { model, version, against } = pair;
  const record = encodeJson(pair);
  await db
    .insertInto('comparisons')
    .values({ model, version, against, record })
    .onConflict((conflict) =>
      conflict.columns(['model', 'version', 'against']).doUpdateSet({ record }),
    )
    .execute();
}
