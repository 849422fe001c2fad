/**
 * What happened on this device, on disk until the controller has stored it: in order, also over a
 * restart. What the cap costs is seen as a gap in the numbers.
 */
import * as v from 'valibot';
import { cleanText, encodeJson } from '../shared/json.ts';
import { DeviceEvent, type Message } from '../shared/protocol/messages.ts';
import type { Link } from './link.ts';
import type { Queue, QueueLimits } from './queue.ts';

export interface Events {
  add(level: Message<'event'>['level'], code: string, message: string): void;
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

const Stored = v.omit(DeviceEvent, ['seq', 'spool']);

export function createEvents({ device, queue, spool, link }: EventsOptions): Events {
  const startMs = queue.newestMs();
  let sent = 0;
  let acknowledged = 0;
  /** Numbers of those sent and not acknowledged: they have gaps, and begin anywhere. */
  let underway: number[] = [];

  function send(): void {
    const open = link();
    const room = underwayMax - underway.length;
    if (!open?.connected || room <= 0) return;
    for (const { seq, value } of queue.after(sent, room)) {
      sent = seq;
      const event = v.safeParse(Stored, JSON.parse(value));
      // What an older agent wrote differently must not keep back what came after it.
      if (!event.success) continue;
      underway.push(seq);
      void open.send('event', { ...event.output, spool, seq });
    }
  }

  return {
    add(level, code, message) {
      const at = new Date().toISOString();
      const text = cleanText(message).slice(0, messageMax).toWellFormed();
      const event = { v: 1 as const, device, at, level, code, message: text };
      try {
        queue.add(encodeJson(event), startMs + performance.now(), eventLimits);
      } catch {
        // A disk that takes nothing is just what should be said: once, if somebody hears it.
        void link()?.send('event', event);
      }
      send();
    },
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
