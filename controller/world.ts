/** What every part of the controller is handed, instead of reaching for globals. */
import type { Logger } from 'pino';
import type { DeviceLog } from './device-log.ts';
import type { Fleet } from './fleet.ts';
import type { Live } from './live.ts';
import type { People } from './people.ts';
import type { Secrets } from './secrets.ts';
import type { Settings } from './settings.ts';
import type { Blobs } from './store/blobs.ts';
import type { Database } from './store/database.ts';
import type { Spans } from './tracing.ts';

export interface World {
  readonly settings: Settings;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: Logger;
  readonly db: Database;
  readonly blobs: Blobs;
  readonly secrets: Secrets;
  readonly fleet: Fleet;
  readonly people: People;
  readonly live: Live;
  readonly deviceLog: DeviceLog;
  /** Where spans of traces go. */
  readonly spans: Spans;
}

export function instant(ms: number): string {
  return new Date(ms).toISOString();
}
