/**
 * Windows on disk until the controller has stored them: in order, each once, within a cap of bytes
 * and age. What the cap costs is counted, so that a gap is seen as one.
 */
import * as v from 'valibot';
import { encodeJson } from '../../shared/json.ts';
import { type Message, Window } from '../../shared/protocol/messages.ts';
import type { Journal } from '../journal.ts';
import type { QueueLimits, QueueRow } from '../queue.ts';
import type { Store } from '../store.ts';

const StoredWindow = v.omit(Window, ['seq']);
export type NewWindow = Omit<Window, 'seq'>;

export interface Spool {
  /**
   * `atMs` is how long this process has run. Age is time that the agent ran: a clock that jumps by
   * years makes nothing old, and neither does a winter in a box.
   */
  add(windows: readonly NewWindow[], atMs: number): void;
  /** Windows that never came here: they are counted as lost. */
  lose(count: number): void;
  /** The oldest windows that are not acknowledged, as one document; null when there are none. */
  batch(device: string): Message<'telemetry'> | null;
  /** The controller has stored everything up to `seq` of this spool; false: that was known. */
  acknowledge(ack: { spool: string; seq: number }): boolean;
  readonly dropped: number;
  bytes(): number;
}

/** A day of 5-second windows is about 7 MiB. */
export const spoolLimits: QueueLimits = { bytesMax: 32 << 20, ageMsMax: 7 * 86_400_000 };
/** One document stays far below what a broker takes. */
const batchMax = 100;

export function openSpool(store: Store, journal: Journal, limits = spoolLimits): Spool {
  const id = journal.spoolId;
  const queue = store.windows;
  const startMs = queue.newestMs();
  let dropped = journal.get('spool')?.dropped ?? 0;
  let acknowledged = 0;
  return {
    add(windows, atMs) {
      let lost = 0;
      for (const window of windows) {
        const text = textOf(window);
        lost += text === null ? 1 : queue.add(text, startMs + atMs, limits);
      }
      if (lost === 0) return;
      dropped += lost;
      journal.change({ spool: { id, dropped } });
    },
    lose(count) {
      // Written down with the next loss that can be.
      dropped += count;
    },
    batch(device) {
      for (;;) {
        const rows = queue.after(acknowledged, batchMax);
        const windows = rows.flatMap(windowOf);
        const last = rows.at(-1)?.seq;
        if (last === undefined) return null;
        if (windows.length > 0) return { v: 1, device, spool: id, dropped, windows };
        // Nothing of it can be read: it would keep back all that came after it.
        acknowledged = last;
        queue.remove(last);
      }
    },
    acknowledge({ spool, seq }) {
      if (spool !== id || seq <= acknowledged) return false;
      acknowledged = seq;
      queue.remove(seq);
      return true;
    },
    get dropped() {
      return dropped;
    },
    bytes: () => queue.bytes(),
  };
}

/** null where it holds a number that is not finite: it would be refused wherever it went. */
function textOf(window: NewWindow): string | null {
  try {
    return encodeJson(window);
  } catch {
    return null;
  }
}

/** Empty where an older agent wrote it differently; its number is a gap, and so is counted. */
function windowOf({ seq, value }: QueueRow): Window[] {
  const { success, output } = v.safeParse(StoredWindow, JSON.parse(value));
  return success ? [{ ...output, seq }] : [];
}
