/** Rollouts and their members as they are stored. */
import * as v from 'valibot';
import { encodeJson } from '../../shared/json.ts';
import { Count, Instant } from '../../shared/protocol/fields.ts';
import { Desired } from '../../shared/protocol/messages.ts';
import type { WaveOutlook } from '../../shared/protocol/outlook.ts';
import { RolloutRecord, type Verdict } from '../../shared/protocol/rollouts.ts';
import { memberStates } from '../../shared/protocol/states.ts';
import { Usage } from '../../shared/protocol/usage.ts';
import type { Member } from '../rollout/plan.ts';
import { type Database, decodeStored } from './database.ts';

const {
  members: _,
  verdicts: _verdicts,
  outlook: _outlook,
  ...recordEntries
} = RolloutRecord.entries;

/** A rollout without its members; `order` says which of two is the later one. */
const StoredRollout = v.object({
  ...recordEntries,
  order: Count,
  endedAt: v.nullable(Instant),
});
export type StoredRollout = v.InferOutput<typeof StoredRollout>;

/** What a device was to run before; null where it was to run nothing. */
export const Previous = v.object({
  rollout: v.nullable(v.string()),
  model: Desired.entries.model,
  hint: Desired.entries.hint,
  tuningBudgetSeconds: v.number(),
  soakSeconds: v.number(),
});
export type Previous = v.InferOutput<typeof Previous>;

const StoredMember = v.object({
  device: v.string(),
  class: v.optional(v.string(), ''),
  wave: Count,
  state: v.picklist(memberStates),
  revision: v.nullable(Count),
  admittedMs: v.nullable(v.number()),
  sinceMs: v.nullable(v.number()),
  reason: v.string(),
  offline: v.optional(v.boolean(), false),
  accepted: v.boolean(),
  retried: v.optional(Count, 0),
  ranSame: v.optional(v.boolean(), false),
  baseline: v.optional(v.nullable(Usage), null),
  golden: v.optional(v.nullable(v.number()), null),
  previous: v.nullable(Previous),
  previousRelease: v.optional(v.nullable(Count), null),
});
export interface StoredMember extends Member {
  readonly previous: Previous | null;
  /** In a rollout of the agent: the release that it ran before. */
  readonly previousRelease: number | null;
}

export interface LoadedRollout {
  record: StoredRollout;
  readonly members: Map<string, StoredMember>;
  /** As the newest look found them; those of a breach are stored with it. */
  verdicts: readonly Verdict[];
  outlook: readonly WaveOutlook[];
}

/** All of them, the earliest first. */
export async function loadRollouts(db: Database): Promise<LoadedRollout[]> {
  const rows = await db.selectFrom('rollouts').select('record').orderBy('order').execute();
  const rollouts = rows.map((row): LoadedRollout => {
    const record = named(decodeStored(StoredRollout, row.record));
    return { record, members: new Map(), verdicts: record.breach?.verdicts ?? [], outlook: [] };
  });
  const byId = new Map(rollouts.map((rollout) => [rollout.record.id, rollout]));
  for (const row of await db.selectFrom('members').selectAll().execute()) {
    const member = decodeStored(StoredMember, row.record);
    byId.get(row.rollout)?.members.set(row.device, member);
  }
  return rollouts;
}

/** Rollouts of before had one word for both. */
function named(record: StoredRollout): StoredRollout {
  const back = record.state === 'aborted' && record.reverting;
  return back ? { ...record, state: 'rolled back' } : record;
}

export async function putRollout(db: Database, record: StoredRollout): Promise<void> {
  const row = { state: record.state, record: encodeJson(record) };
  const created_ms = Date.parse(record.createdAt);
  await db
    .insertInto('rollouts')
    .values({ id: record.id, order: record.order, ...row, created_ms })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute();
}

/** What changed of a rollout, in one transaction. */
export async function saveProgress(
  db: Database,
  record: StoredRollout,
  members: { readonly changed: readonly StoredMember[]; readonly gone: readonly string[] },
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await putRollout(tx, record);
    for (const member of members.changed) {
      const row = { record: encodeJson(member) };
      await tx
        .insertInto('members')
        .values({ rollout: record.id, device: member.device, ...row })
        .onConflict((conflict) => conflict.columns(['rollout', 'device']).doUpdateSet(row))
        .execute();
    }
    for (const device of members.gone) {
      await tx
        .deleteFrom('members')
        .where('rollout', '=', record.id)
        .where('device', '=', device)
        .execute();
    }
  });
}
