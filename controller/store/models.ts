/** Models and variants as they are stored: the record is the document that the API shows. */
import * as v from 'valibot';
import { Outcome } from '../../shared/evaluate/outcome.ts';
import { encodeJson } from '../../shared/json.ts';
import { ModelRecord, VariantRecord } from '../../shared/protocol/api.ts';
import { type Database, decodeStored } from './database.ts';
import { highestRemoved } from './removal.ts';

export async function findModel(
  db: Database,
  name: string,
  version: number,
): Promise<ModelRecord | null> {
  const row = await db
    .selectFrom('models')
    .select('record')
    .where('name', '=', name)
    .where('version', '=', version)
    .executeTakeFirst();
  return row ? decodeStored(ModelRecord, row.record) : null;
}

export async function findContent(
  db: Database,
  name: string,
  content: string,
): Promise<ModelRecord | null> {
  const row = await db
    .selectFrom('models')
    .select('record')
    .where('name', '=', name)
    .where('content', '=', content)
    .executeTakeFirst();
  return row ? decodeStored(ModelRecord, row.record) : null;
}

/** The highest version of a model that is in the lists; null where there is none. */
export async function newestListed(db: Database, name: string): Promise<number | null> {
  const listed = (await listModels(db, name)).find(({ archivedAt }) => !archivedAt);
  return listed?.version ?? null;
}

/** The highest version of a model; null where there is none. */
async function newestVersion(db: Database, name: string): Promise<number | null> {
  const row = await db
    .selectFrom('models')
    .select((eb) => eb.fn.max('version').as('version'))
    .where('name', '=', name)
    .executeTakeFirst();
  return row?.version ?? null;
}

/** Names and versions, the newest first. */
export function listNames(db: Database): Promise<{ name: string; version: number }[]> {
  const all = db.selectFrom('models').select(['name', 'version']);
  return all.orderBy('name').orderBy('version', 'desc').limit(namesMax).execute();
}

const namesMax = 10_000;

/** By name, the newest version of each first. */
export async function listModels(db: Database, name?: string): Promise<ModelRecord[]> {
  const all = db.selectFrom('models').select('record');
  const query = name === undefined ? all : all.where('name', '=', name);
  const rows = await query.orderBy('name').orderBy('version', 'desc').execute();
  return rows.map((row) => decodeStored(ModelRecord, row.record));
}

/**
 * Stores the model under the next version of its name. Where equal content is there already, that
 * record is returned and nothing is stored.
 */
export async function insertModel(
  db: Database,
  record: ModelRecord,
  content: string,
): Promise<ModelRecord> {
  return await db.transaction().execute(async (tx) => {
    const known = await findContent(tx, record.name, content);
    if (known) return known;
    const removed = await highestRemoved(tx, { kind: 'model', name: record.name });
    const version = Math.max((await newestVersion(tx, record.name)) ?? 0, removed) + 1;
    const numbered = { ...record, version };
    await tx
      .insertInto('models')
      .values({
        name: record.name,
        version,
        content,
        state: record.state,
        digest: record.digest,
        record: encodeJson(numbered),
        created_ms: Date.parse(record.createdAt),
      })
      .execute();
    return numbered;
  });
}

/** The source's scores; null where there is no evaluation data. */
export async function findOutcome(
  db: Database,
  { name, version }: Pick<ModelRecord, 'name' | 'version'>,
): Promise<Outcome | null> {
  const row = await db
    .selectFrom('models')
    .select('outcome')
    .where('name', '=', name)
    .where('version', '=', version)
    .executeTakeFirst();
  return row?.outcome == null ? null : decodeStored(Outcome, row.outcome);
}

/** What is said of it; what was measured stays. */
export async function setRecord(db: Database, record: ModelRecord): Promise<void> {
  await db
    .updateTable('models')
    .set({ record: encodeJson(record) })
    .where('name', '=', record.name)
    .where('version', '=', record.version)
    .execute();
}

export async function updateModel(
  db: Database,
  record: ModelRecord,
  outcome: Outcome | null = null,
): Promise<void> {
  await db
    .updateTable('models')
    .set({
      state: record.state,
      record: encodeJson(record),
      outcome: outcome === null ? null : encodeJson(outcome),
    })
    .where('name', '=', record.name)
    .where('version', '=', record.version)
    .execute();
}

export async function findVariant(db: Database, id: string): Promise<VariantRecord | null> {
  const row = await db
    .selectFrom('variants')
    .select('record')
    .where('id', '=', id)
    .executeTakeFirst();
  return row ? decodeStored(VariantRecord, row.record) : null;
}

export async function listVariants(
  db: Database,
  where: { model: string; version: number } | { state: readonly VariantRecord['state'][] },
): Promise<VariantRecord[]> {
  const all = db.selectFrom('variants').select('record').orderBy('created_ms');
  const query =
    'model' in where
      ? all.where('model', '=', where.model).where('version', '=', where.version)
      : all.where('state', 'in', where.state);
  return (await query.execute()).map((row) => decodeStored(VariantRecord, row.record));
}

const Built = v.object({ digest: VariantRecord.entries.digest });

/** Digests of what may be served as this version: its file, and every variant that is built. */
export async function variantDigests(
  db: Database,
  model: string,
  version: number,
): Promise<ReadonlySet<string>> {
  const source = await db
    .selectFrom('models')
    .select('digest')
    .where('name', '=', model)
    .where('version', '=', version)
    .execute();
  const built = await db
    .selectFrom('variants')
    .select('record')
    .where('model', '=', model)
    .where('version', '=', version)
    .where('state', '=', 'ready')
    .execute();
  const digests = built.flatMap(({ record }) => decodeStored(Built, record).digest ?? []);
  return new Set([...source.map(({ digest }) => digest), ...digests]);
}

export async function putVariant(db: Database, record: VariantRecord): Promise<void> {
  const { id, model, version, state } = record;
  const row = { state, record: encodeJson(record) };
  await db
    .insertInto('variants')
    .values({ id, model, version, ...row, created_ms: Date.parse(record.createdAt) })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute();
}
