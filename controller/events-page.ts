/** The log of a device, a page at a time. */
import { FettleError } from '../shared/errors.ts';
import type { LogEntry, LogKind } from '../shared/protocol/device-log.ts';
import { entryOf } from './events.ts';
import type { World } from './world.ts';

export interface EventsQuery {
  readonly limit?: number | undefined;
  /** Where a page before ended. */
  readonly cursor?: string | undefined;
  readonly kind?: LogKind | undefined;
}

export interface EventsPage {
  readonly items: LogEntry[];
  readonly next: string | null;
}

/** The newest first, by the time of happening. Throws `BAD_ARGUMENT` for a cursor of no page. */
export async function listEvents(
  { db }: World,
  device: string,
  { limit = 100, cursor, kind }: EventsQuery,
): Promise<EventsPage> {
  let query = db
    .selectFrom('events')
    .selectAll()
    .where('device', '=', device)
    .orderBy('at_ms', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1);
  if (kind) query = query.where('kind', '=', kind);
  if (cursor !== undefined) {
    const [atMs, id] = placeOf(cursor);
    query = query.where((is) =>
      is.or([is('at_ms', '<', atMs), is.and([is('at_ms', '=', atMs), is('id', '<', id)])]),
    );
  }
  const rows = await query.execute();
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const next = last && rows.length > limit ? `${last.at_ms}-${last.id}` : null;
  return { items: shown.map(entryOf), next };
}

function placeOf(cursor: string): [atMs: number, id: number] {
  const [, atMs, id] = /^(\d{1,15})-(\d{1,15})$/.exec(cursor) ?? [];
  if (atMs !== undefined && id !== undefined) return [Number(atMs), Number(id)];
  const expected = 'what `next` of the page before said';
  throw new FettleError('BAD_ARGUMENT', { what: 'query cursor', expected, got: cursor });
}
