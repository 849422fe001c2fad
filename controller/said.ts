/**
 * Which events of each device are stored. A device sends them again until they are acknowledged;
 * as long as this process lives, each is kept once.
 */
import type { Ack, DeviceEvent } from '../shared/protocol/messages.ts';

type Mark = NonNullable<Ack['event']>;

export interface Said {
  /** Those that are news. */
  fresh<E extends DeviceEvent>(events: readonly E[]): readonly E[];
  /** They are stored now. Returns what the device may forget. */
  store(events: readonly DeviceEvent[]): { readonly event?: Mark };
}

export function createSaid(): Said {
  const marks = new Map<string, Mark>();
  const known = ({ device, spool, seq }: DeviceEvent): boolean => {
    const mark = marks.get(device);
    return mark !== undefined && mark.spool === spool && (seq ?? Infinity) <= mark.seq;
  };
  return {
    fresh(events) {
      const seen = new Set<string>();
      return events.filter((event) => {
        if (event.seq === undefined) return true;
        const key = `${event.device} ${event.spool} ${event.seq}`;
        if (known(event) || seen.has(key)) return false;
        return seen.add(key);
      });
    },
    store(events) {
      const last = events.findLast(({ seq, spool }) => seq !== undefined && spool !== undefined);
      if (last?.spool === undefined) return {};
      const seqs = events.flatMap(({ spool, seq }) => (spool === last.spool ? (seq ?? []) : []));
      const before = known(last) ? (marks.get(last.device)?.seq ?? 0) : 0;
      const mark = { spool: last.spool, seq: Math.max(before, ...seqs) };
      marks.set(last.device, mark);
      return { event: mark };
    },
  };
}
