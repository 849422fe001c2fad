/** What happened on this device, told to the controller as soon as there is a connection. */
import type { Message } from '../shared/protocol/messages.ts';
import type { Link } from './link.ts';

export interface Events {
  add(level: Message<'event'>['level'], code: string, message: string): void;
  /** Sends what waits, the oldest first. */
  send(): Promise<void>;
}

/** Events that may wait for a connection; older ones go. */
const waitingMax = 100;
const messageMax = 4000;

export function createEvents(device: string, link: () => Link | null): Events {
  const waiting: Message<'event'>[] = [];
  async function send(): Promise<void> {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      if (await link()?.send('event', next)) continue;
      waiting.unshift(next);
      return;
    }
  }
  return {
    add(level, code, message) {
      const at = new Date().toISOString();
      waiting.push({ v: 1, device, at, level, code, message: message.slice(0, messageMax) });
      if (waiting.length > waitingMax) waiting.shift();
      void send();
    },
    send,
  };
}
