/** When devices come and go, as entries of their logs. */
import { sql } from 'kysely';
import type { Presence } from '../shared/protocol/messages.ts';
import { formatDuration } from '../shared/terminal/units.ts';
import type { Noted } from './device-log.ts';
import type { World } from './world.ts';

interface Known {
  /** Of the agent's start; null where that was before the controller's. */
  readonly boot: string | null;
  readonly online: boolean;
  /** Since when it is as it is; null where that is not known. */
  readonly sinceMs: number | null;
}

export interface Connections {
  /** Takes every presence of a device. */
  hear(presence: Presence): void;
  /** The controller goes: that devices lose it is no news of them. */
  end(): void;
}

export async function createConnections(world: World): Promise<Connections> {
  const known = await lastKnown(world);
  let ended = false;
  const hear = ({ device, online, boot }: Presence) => {
    if (ended) return;
    const before = known.get(device) ?? null;
    if (before?.online === online && (before.boot ?? boot) === boot) return;
    // A will that nobody was waiting for: the device was away before it was ever here.
    if (before === null && !online) return;
    const now = world.now();
    known.set(device, { boot, online, sinceMs: now });
    const entry = online ? arrival(before, boot, now) : departure;
    world.deviceLog.note([{ device, kind: 'connection', ...entry }]);
  };
  return {
    hear,
    end() {
      ended = true;
    },
  };
}

type Entry = Pick<Noted, 'level' | 'code' | 'message'>;

const departure: Entry = { level: 'warn', code: 'OFFLINE', message: 'the connection is lost' };

function arrival(before: Known | null, boot: string, now: number): Entry {
  const away = before?.online === false ? before.sinceMs : null;
  const after = away === null ? '' : ` after ${formatDuration(now - away)}`;
  const anew = before?.boot && before.boot !== boot ? '; its agent has started anew' : '';
  const message = `connected${before ? ' again' : ''}${after}${anew}`;
  return { level: 'info', code: 'ONLINE', message };
}

/** As the log says: devices that were here before the controller began are not here anew. */
async function lastKnown({ db }: World): Promise<Map<string, Known>> {
  const last = (column: 'code' | 'last_ms') => sql`(select ${sql.ref(column)} from events
    where events.device = devices.device and kind = 'connection'
    order by at_ms desc, id desc limit 1)`;
  const { rows } = await sql<{ device: string; code: string | null; last_ms: number }>`
    select device, ${last('code')} as code, ${last('last_ms')} as last_ms from devices`.execute(db);
  return new Map(
    rows.flatMap(({ device, code, last_ms }) =>
      code === null ? [] : [[device, { boot: null, online: code !== 'OFFLINE', sinceMs: last_ms }]],
    ),
  );
}
