/** Events of a device as entries of its log: when each happened, by the controller's clock. */
import { cleanText } from '../shared/json.ts';
import { kindOf } from '../shared/protocol/device-log.ts';
import type { DeviceEvent } from '../shared/protocol/messages.ts';
import type { EventRecord } from './events.ts';

export type ArrivedEvent = DeviceEvent & { readonly arrivedMs: number };

/** In the order in which the device tells them, whatever a message took on its way. */
export function recordsOf(events: readonly ArrivedEvent[]): EventRecord[] {
  const records: EventRecord[] = [];
  for (const [index, event] of events.entries()) {
    const record = eventOf(event);
    const before = events[index - 1];
    const leastMs = before && before.at <= event.at ? (records.at(-1)?.atMs ?? 0) : 0;
    records.push({ ...record, atMs: Math.max(record.atMs, leastMs) });
  }
  return records;
}

function eventOf(event: ArrivedEvent): EventRecord {
  const { device, level, code, message } = event;
  const kind = kindOf(event.kind, level);
  return {
    device,
    kind,
    atMs: happenedMs(event),
    level,
    code: cleanText(code.slice(0, 64)),
    message,
  };
}

/** An event that is said to be older has waited for a clock, not for a connection. */
const waitedMsMax = 30 * 86_400_000;

/** By its age where the device says it: its clock may be wrong. */
function happenedMs({ at, ageSeconds, arrivedMs }: ArrivedEvent): number {
  const agoMs = ageSeconds === undefined ? arrivedMs - Date.parse(at) : ageSeconds * 1000;
  return agoMs >= 0 && agoMs <= waitedMsMax ? Math.floor(arrivedMs - agoMs) : arrivedMs;
}
