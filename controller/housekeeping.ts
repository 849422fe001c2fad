/**
 * What is done from time to time: telemetry is rolled up, old telemetry goes, and when devices were
 * seen is written down.
 */
import { sql } from 'kysely';
import { collect } from './collect.ts';
import { collectRollups, type RollupSpan, type Rollups, rollupSpans } from './store/rollups.ts';
import type { World } from './world.ts';

export interface Housekeeping {
  /** Does it now; it is done every minute anyway. */
  run(): Promise<void>;
  stop(): Promise<void>;
}

const everyMs = 60_000;
/** What nothing needs any more is looked for so often: that reads every document. */
const collectEveryMs = 3_600_000;
/** No token is good for longer than a year: what was removed before needs no mark. */
const removedMs = 366 * 86_400_000;
/** Rows deleted in one transaction, so that messages of devices don't wait for long. */
const rowsMax = 5000;

export function startHousekeeping(world: World, rollups: Rollups): Housekeeping {
  const written = new Map<string, number>();
  let last: Promise<void> = Promise.resolve();
  let stopped = false;
  let collectedMs = Number.NEGATIVE_INFINITY;
  /** Until a round did less than `full`; a controller that stops does one more round of each. */
  const repeat = async (round: () => Promise<number>, full: number) => {
    while ((await round()) >= full && !stopped);
  };
  const work = async () => {
    await writeSeen(world, written);
    await world.db.deleteFrom('enrolment_tokens').where('expires_ms', '<', world.now()).execute();
    await world.db
      .deleteFrom('removed')
      .where('at_ms', '<', world.now() - removedMs)
      .execute();
    const rolledId = await rollups.flush();
    await repeat(() => collectWindows(world, rolledId), 1);
    for (const span of rollupSpans) await repeat(() => collectSpan(world, span), rowsMax);
    if (stopped || world.now() - collectedMs < collectEveryMs) return;
    collectedMs = world.now();
    await collect(world);
  };
  const run = () => {
    last = last.then(work).catch((thrown) => world.log.error({ err: thrown }, 'housekeeping'));
    return last;
  };
  const timer = setInterval(run, everyMs);
  void run();
  return {
    run,
    async stop() {
      stopped = true;
      clearInterval(timer);
      await run();
    },
  };
}

/** Presence and telemetry move this often: memory has it at once, the disk once a minute. */
async function writeSeen(world: World, written: Map<string, number>): Promise<void> {
  const moved = [...world.fleet.devices.values()].flatMap(({ device, seenMs }) =>
    seenMs !== null && written.get(device) !== seenMs ? [{ device, seenMs }] : [],
  );
  if (moved.length === 0) return;
  await world.db.transaction().execute(async (db) => {
    for (const { device, seenMs } of moved) {
      await db
        .updateTable('devices')
        .set({ seen_ms: seenMs })
        .where('device', '=', device)
        .execute();
    }
  });
  for (const { device, seenMs } of moved) written.set(device, seenMs);
}

/**
 * Of the windows that arrived first, those that are too old and in the roll-ups; what arrived in
 * order goes in order. Returns how many went.
 */
async function collectWindows({ db, now, settings }: World, rolledId: number): Promise<number> {
  const oldestMs = now() - settings.retentionHours * 3_600_000;
  const old = sql<unknown>`delete from windows where start_ms < ${oldestMs} and id in
    (select id from windows where id <= ${rolledId} order by id limit ${rowsMax})`;
  const { numAffectedRows } = await old.execute(db);
  return Number(numAffectedRows ?? 0);
}

function collectSpan({ db, now, settings }: World, span: RollupSpan): Promise<number> {
  const days = span === 60 ? settings.minutesDays : settings.hoursDays;
  return collectRollups(db, { span, beforeMs: now() - days * 86_400_000, limit: rowsMax });
}
