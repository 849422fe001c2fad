/** The last minute of telemetry, which memory holds, as a restart finds it in the database. */
import { Window } from '../shared/protocol/messages.ts';
import { readStored } from './store/database.ts';
import { recentMs } from './summary.ts';
import type { World } from './world.ts';

/** So that gates go on with what they had to judge by. Devices have none yet. */
export async function loadRecent({ db, fleet, now, log }: World): Promise<void> {
  const rows = await db
    .selectFrom('devices')
    .innerJoin('windows', 'windows.device', 'devices.device')
    .select(['windows.device', 'windows.start_ms', 'windows.document'])
    .where('windows.start_ms', '>', now() - recentMs)
    .orderBy('windows.start_ms')
    .execute();
  for (const row of rows) {
    const window = readStored(Window, row.document, (thrown) =>
      log.error({ err: thrown, device: row.device }, 'a stored window cannot be read'),
    );
    if (!window) continue;
    const arrivedMs = Math.min(now(), row.start_ms + window.seconds * 1000);
    fleet.get(row.device)?.recent.push({ arrivedMs, window });
  }
}
