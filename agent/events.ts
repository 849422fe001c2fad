/**
 * What happened on this device, on disk until the controller has stored it: in order, also over a
 * restart. What the cap costs is seen as a gap in the numbers.
 */
import * as v from 'valibot';
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

  function send(): void {
    const open = link();
    if (!open?.connected) return;
    for (const { seq, value } of queue.after(sent, underwayMax - (sent - acknowledged))) {
      sent = seq;
      void open.send('event', { ...v.parse(Stored, JSON.parse(value)), spool, seq });
    }
  }

  return {
    add(level, code, message) {
      const at = new Date().toISOString();
      const text = message.slice(0, messageMax);
      const event = { v: 1 as const, device, at, level, code, message: text };
      try {
        queue.add(JSON.stringify(event), startMs + performance.now(), eventLimits);
      } catch {
        // A disk that takes nothing is just what should be said: once, if somebody hears it.
        void link()?.send('event', event);
      }
      send();
    },
    send,
    again() {
      sent = acknowledged;
      send();
    },
    acknowledge(ack) {
      if (ack.spool !== spool || ack.seq <= acknowledged) return;
      acknowledged = ack.seq;
      sent = Math.max(sent, acknowledged);
      queue.remove(ack.seq);
      send();
    },
  };
}
