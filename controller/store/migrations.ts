/** The database's shape, step by step. A released step is never edited; a change is a new step. */
import { type Kysely, type Migration, type MigrationProvider, Migrator, sql } from 'kysely';
import { counting, type Dialect } from './counting.ts';
import { keepLog } from './keep-log.ts';
import { orderWindows } from './order-windows.ts';
import type { Tables } from './schema.ts';

interface Step {
  up(db: Kysely<unknown>, dialect: Dialect): Promise<void>;
}

const steps: Readonly<Record<string, Step>> = {
  '0001-fleet': {
    async up(db: Kysely<unknown>, dialect: Dialect) {
      await db.schema
        .createTable('enrolment_tokens')
        .addColumn('id', 'text', (c) => c.primaryKey())
        .addColumn('hash', 'text', (c) => c.notNull().unique())
        .addColumn('labels', 'text', (c) => c.notNull())
        .addColumn('expires_ms', 'bigint', (c) => c.notNull())
        .addColumn('uses_left', 'integer', (c) => c.notNull())
        .addColumn('created_ms', 'bigint', (c) => c.notNull())
        .execute();
      await db.schema
        .createTable('devices')
        .addColumn('device', 'text', (c) => c.primaryKey())
        .addColumn('labels', 'text', (c) => c.notNull())
        .addColumn('token_hash', 'text', (c) => c.notNull())
        .addColumn('mqtt_hash', 'text', (c) => c.notNull())
        .addColumn('enrolled_ms', 'bigint', (c) => c.notNull())
        .addColumn('seen_ms', 'bigint')
        .addColumn('reported_seq', 'bigint', (c) => c.notNull())
        .addColumn('reported', 'text')
        .addColumn('reported_ms', 'bigint')
        .addColumn('profile', 'text')
        .addColumn('revision', 'bigint', (c) => c.notNull())
        .addColumn('desired', 'text')
        .addColumn('rollout', 'text')
        .addColumn('desired_ms', 'bigint')
        .execute();
      await db.schema
        .createTable('events')
        .addColumn('id', ...counting(dialect))
        .addColumn('device', 'text', (c) => c.notNull())
        .addColumn('at_ms', 'bigint', (c) => c.notNull())
        .addColumn('level', 'text', (c) => c.notNull())
        .addColumn('code', 'text', (c) => c.notNull())
        .addColumn('message', 'text', (c) => c.notNull())
        .execute();
      await db.schema
        .createIndex('events_by_device')
        .on('events')
        .columns(['device', 'id'])
        .execute();
    },
  },
  '0002-models': {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('models')
        .addColumn('name', 'text', (c) => c.notNull())
        .addColumn('version', 'integer', (c) => c.notNull())
        .addColumn('content', 'text', (c) => c.notNull())
        .addColumn('state', 'text', (c) => c.notNull())
        .addColumn('digest', 'text', (c) => c.notNull())
        .addColumn('outcome', 'text')
        .addColumn('record', 'text', (c) => c.notNull())
        .addColumn('created_ms', 'bigint', (c) => c.notNull())
        .addPrimaryKeyConstraint('models_key', ['name', 'version'])
        .addUniqueConstraint('models_content', ['name', 'content'])
        .execute();
      await db.schema
        .createTable('variants')
        .addColumn('id', 'text', (c) => c.primaryKey())
        .addColumn('model', 'text', (c) => c.notNull())
        .addColumn('version', 'integer', (c) => c.notNull())
        .addColumn('state', 'text', (c) => c.notNull())
        .addColumn('record', 'text', (c) => c.notNull())
        .addColumn('created_ms', 'bigint', (c) => c.notNull())
        .execute();
      await db.schema
        .createIndex('variants_by_model')
        .on('variants')
        .columns(['model', 'version'])
        .execute();
    },
  },
  '0003-rollouts': {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('rollouts')
        .addColumn('id', 'text', (c) => c.primaryKey())
        .addColumn('order', 'integer', (c) => c.notNull().unique())
        .addColumn('state', 'text', (c) => c.notNull())
        .addColumn('record', 'text', (c) => c.notNull())
        .addColumn('created_ms', 'bigint', (c) => c.notNull())
        .execute();
      await db.schema
        .createTable('members')
        .addColumn('rollout', 'text', (c) => c.notNull())
        .addColumn('device', 'text', (c) => c.notNull())
        .addColumn('record', 'text', (c) => c.notNull())
        .addPrimaryKeyConstraint('members_key', ['rollout', 'device'])
        .execute();
    },
  },
  '0004-measurements': {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('tunings')
        .addColumn('device', 'text', (c) => c.notNull())
        .addColumn('revision', 'bigint', (c) => c.notNull())
        .addColumn('document', 'text', (c) => c.notNull())
        .addColumn('at_ms', 'bigint', (c) => c.notNull())
        .addPrimaryKeyConstraint('tunings_key', ['device', 'revision'])
        .execute();
      await db.schema
        .createTable('hints')
        .addColumn('key', 'text', (c) => c.primaryKey())
        .addColumn('hardware_class', 'text', (c) => c.notNull())
        .addColumn('recipe', 'text', (c) => c.notNull())
        .addColumn('plan', 'text', (c) => c.notNull())
        .addColumn('latency_ms_p50', 'double precision', (c) => c.notNull())
        .addColumn('device', 'text', (c) => c.notNull())
        .addColumn('at_ms', 'bigint', (c) => c.notNull())
        .execute();
      await sql`create table windows (
        device text not null, spool text not null, seq bigint not null,
        start_ms bigint not null, document text not null,
        primary key (device, spool, seq))`.execute(db);
      await sql`create index windows_by_start on windows (device, start_ms)`.execute(db);
      await sql`create index windows_by_age on windows (start_ms)`.execute(db);
      await db.schema
        .createTable('spools')
        .addColumn('device', 'text', (c) => c.notNull())
        .addColumn('spool', 'text', (c) => c.notNull())
        .addColumn('seq', 'bigint', (c) => c.notNull())
        .addColumn('dropped', 'bigint', (c) => c.notNull())
        .addColumn('stored', 'bigint', (c) => c.notNull())
        .addColumn('at_ms', 'bigint', (c) => c.notNull())
        .addPrimaryKeyConstraint('spools_key', ['device', 'spool'])
        .execute();
    },
  },
  '0005-people': {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('people')
        .addColumn('name', 'text', (c) => c.primaryKey())
        .addColumn('role', 'text', (c) => c.notNull())
        .addColumn('hash', 'text', (c) => c.notNull().unique())
        .addColumn('created_ms', 'bigint', (c) => c.notNull())
        .addColumn('expires_ms', 'bigint')
        .execute();
      await db.schema
        .createTable('audit')
        .addColumn('seq', 'bigint', (c) => c.primaryKey())
        .addColumn('at_ms', 'bigint', (c) => c.notNull())
        .addColumn('who', 'text', (c) => c.notNull())
        .addColumn('action', 'text', (c) => c.notNull())
        .addColumn('detail', 'text', (c) => c.notNull())
        .addColumn('previous', 'text', (c) => c.notNull())
        .addColumn('hash', 'text', (c) => c.notNull())
        .execute();
    },
  },
  '0006-rollups': {
    async up(db: Kysely<unknown>) {
      await sql`alter table windows add column rolled integer not null default 0`.execute(db);
      await sql`create index windows_unrolled on windows (device, spool, seq)
        where rolled = 0`.execute(db);
      await sql`create table rollups (
        device text not null, span integer not null, start_ms bigint not null,
        document text not null, primary key (device, span, start_ms))`.execute(db);
      await sql`create index rollups_by_age on rollups (span, start_ms)`.execute(db);
    },
  },
  '0007-webhooks': {
    async up(db: Kysely<unknown>, dialect: Dialect) {
      await db.schema
        .createTable('webhooks')
        .addColumn('name', 'text', (c) => c.primaryKey())
        .addColumn('url', 'text', (c) => c.notNull())
        .addColumn('events', 'text', (c) => c.notNull())
        .addColumn('secret', 'text', (c) => c.notNull())
        .addColumn('created_ms', 'bigint', (c) => c.notNull())
        .execute();
      await db.schema
        .createTable('deliveries')
        .addColumn('seq', ...counting(dialect))
        .addColumn('webhook', 'text', (c) => c.notNull())
        .addColumn('body', 'text', (c) => c.notNull())
        .addColumn('at_ms', 'bigint', (c) => c.notNull())
        .execute();
      await sql`create index deliveries_in_order on deliveries (webhook, seq)`.execute(db);
    },
  },
  '0008-releases': {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('releases')
        .addColumn('release', 'integer', (c) => c.primaryKey())
        .addColumn('record', 'text', (c) => c.notNull())
        .execute();
      await db.schema
        .createTable('release_goals')
        .addColumn('device', 'text', (c) => c.primaryKey())
        .addColumn('document', 'text', (c) => c.notNull())
        .addColumn('at_ms', 'bigint', (c) => c.notNull())
        .execute();
    },
  },
  '0009-windows-in-order': { up: orderWindows },
  '0010-telemetry-seconds': {
    async up(db: Kysely<unknown>) {
      await sql`alter table devices add column telemetry_seconds integer`.execute(db);
    },
  },
  '0011-comparisons': {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('comparisons')
        .addColumn('model', 'text', (c) => c.notNull())
        .addColumn('version', 'integer', (c) => c.notNull())
        .addColumn('against', 'integer', (c) => c.notNull())
        .addColumn('record', 'text', (c) => c.notNull())
        .addPrimaryKeyConstraint('comparisons_pk', ['model', 'version', 'against'])
        .execute();
    },
  },
  '0012-deliveries-by-subject': {
    async up(db: Kysely<unknown>) {
      for (const column of [
        "subject text not null default ''",
        'attempts integer not null default 0',
        'next_ms bigint not null default 0',
        'refused text',
      ]) {
        await sql`alter table deliveries add column ${sql.raw(column)}`.execute(db);
      }
      await sql`drop index deliveries_in_order`.execute(db);
      await sql`create index deliveries_by_subject on deliveries (webhook, subject, seq)`.execute(
        db,
      );
    },
  },
  '0013-starts': {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('starts')
        .addColumn('job', 'text', (c) => c.primaryKey())
        .addColumn('starts', 'integer', (c) => c.notNull())
        .execute();
    },
  },
  '0014-identity': {
    async up(db: Kysely<unknown>) {
      await sql`alter table devices add column key_hash text`.execute(db);
      for (const labels of ['device_labels', 'token_labels'].map((name) => sql.ref(name))) {
        await sql`alter table devices add column ${labels} text not null default '{}'`.execute(db);
      }
      await sql`alter table enrolment_tokens add column replaces text`.execute(db);
      await sql`create table removed
        (device text primary key, revision bigint not null, at_ms bigint not null)`.execute(db);
    },
  },
  '0015-device-log': { up: keepLog },
  '0016-removed-numbers': {
    async up(db: Kysely<unknown>) {
      await sql`create table removed_numbers (kind text not null, name text not null,
        number integer not null, primary key (kind, name))`.execute(db);
    },
  },
};

/**
 * Brings a database of any earlier shape to the newest one, or to that of one step; what fails is
 * thrown as it came.
 */
export async function migrate(db: Kysely<Tables>, dialect: Dialect, last?: string): Promise<void> {
  const migrations = Object.fromEntries(
    Object.entries(steps).map(([name, step]): [string, Migration] => [
      name,
      { up: (database: Kysely<unknown>) => step.up(database, dialect) },
    ]),
  );
  const provider: MigrationProvider = { getMigrations: async () => migrations };
  const migrator = new Migrator({ db, provider });
  const { error } = await (last ? migrator.migrateTo(last) : migrator.migrateToLatest());
  if (error) throw error;
}
