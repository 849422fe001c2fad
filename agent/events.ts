/**
 * What happened on this device, on disk until the controller has stored it: in order, also over a
 * restart. What the cap costs is seen as a gap in the numbers.
 */
import * as v from 'valibot';
import { cleanText, encodeJson } from '../shared/json.ts';
import type { LogKind } from '../shared/protocol/device-log.ts';
import { DeviceEvent, type Message } from '../shared/protocol/messages.ts';
import type { Link } from './link.ts';
import type { Queue, QueueLimits } from './queue.ts';

export interface Happening {
  readonly kind: LogKind;
  readonly level: Message<'event'>['level'];
  readonly code: string;
  readonly message: string;
}

export interface Events {
  /** What went wrong, or is worth a line. */
  add(level: Message<'event'>['level'], code: string, message: string): void;
  note(happening: Happening): void;
  /** Sends what waits and is not under way, the oldest first. */
  send(): void;
  /** A connection was made: what was under way may be lost. */
  again(): void;
  /** The controller has stored everything up to `seq` of this spool. */
  acknowledge(ack: NonNullable<Message<'ack'>['event']>): void;
}

export interface EventsOptions {
  readonly device: string;
  readonly queue: Queue;
  /** Of this store: numbers begin again with another one. */
  readonly spool: string;
  readonly link: () => Link | null;
}

export const eventLimits: QueueLimits = { bytesMax: 256 << 10, ageMsMax: 30 * 86_400_000 };
const messageMax = 4000;
/** Sent without waiting for an acknowledgement. */
const underwayMax = 20;

const Stored = v.omit(DeviceEvent, ['seq', 'spool', 'ageSeconds']);

export function createEvents({ device, queue, spool, link }: EventsOptions): Events {
  const startMs = queue.newestMs();
  const runningMs = () => startMs + performance.now();
  let sent = 0;
  let acknowledged = 0;
  /** Numbers of those sent and not acknowledged: they have gaps, and begin anywhere. */
  let underway: number[] = [];

  function send(): void {
    const open = link();
    const room = underwayMax - underway.length;
    if (!open?.connected || room <= 0) return;
    for (const { seq, value, atMs } of queue.after(sent, room)) {
      sent = seq;
      const event = v.safeParse(Stored, JSON.parse(value));
      // What an older agent wrote differently must not keep back what came after it.
      if (!event.success) continue;
      underway.push(seq);
      const ranMs = runningMs() - atMs;
      const ageSeconds = ageMs(Date.now() - Date.parse(event.output.at), ranMs) / 1000;
      void open.send('event', { ...event.output, spool, seq, ageSeconds });
    }
  }

  function note({ kind, level, code, message }: Happening): void {
    const at = new Date().toISOString();
    const text = cleanText(message).slice(0, messageMax).toWellFormed();
    const event = { v: 1 as const, device, at, kind, level, code, message: text };
    try {
      queue.add(encodeJson(event), runningMs(), eventLimits);
    } catch {
      // A disk that takes nothing is just what should be said: once, if somebody hears it.
      void link()?.send('event', event);
    }
    send();
  }

  return {
    add: (level, code, message) =>
      note({ kind: level === 'info' ? 'agent' : 'error', level, code, message }),
    note,
    send,
    again() {
      sent = acknowledged;
      underway = [];
      send();
    },
    acknowledge(ack) {
      if (ack.spool !== spool || ack.seq <= acknowledged) return;
      acknowledged = ack.seq;
      sent = Math.max(sent, acknowledged);
      underway = underway.filter((seq) => seq > acknowledged);
      queue.remove(ack.seq);
      send();
    },
  };
}

/**
 * How long ago something happened. The running clock stands still while the device is off; the
 * wall clock may have been set meanwhile: it is believed where it says more, and no more than an
 * event can have waited.
 */
function ageMs(wallMs: number, ranMs: number): number {
  return wallMs > ranMs && wallMs <= eventLimits.ageMsMax ? wallMs : Math.max(0, ranMs);
}
