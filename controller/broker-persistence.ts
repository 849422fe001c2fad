/** What the embedded broker keeps: sessions, queues, and messages for who subscribes later. */
import { Readable } from 'node:stream';
import memory, { type Packet as AedesPacket, type AedesPersistence } from 'aedes-persistence';
import { createRetained, type Retained } from './retained.ts';

export type Kept = Retained<Extract<AedesPacket, { cmd: 'publish' }>>;

export interface Persistence {
  readonly persistence: AedesPersistence;
  readonly sessions: Sessions;
  readonly retained: Kept;
}

/** What the persistence keeps of clients that are away, in the form without callbacks. */
export interface Sessions {
  getClientList(topic: string): Readable;
  cleanSubscriptions(client: { readonly id: string }): Promise<unknown>;
  outgoingStream(client: { readonly id: string }): Readable;
  outgoingClearMessageId(client: { readonly id: string }, packet: unknown): Promise<unknown>;
}

/**
 * Sessions and queues in memory, and retained messages that a subscription without wildcards finds
 * at once: the library looks through all of them for every subscription, which a fleet that
 * reconnects feels.
 */
export function createPersistence(): Persistence {
  // Its types describe an ECMAScript module; what is exported is the function itself.
  const create: unknown = memory;
  if (typeof create !== 'function') throw new TypeError('aedes-persistence has changed its shape');
  const made = create();
  const persistence: AedesPersistence = made;
  const retained: Kept = createRetained();
  persistence.storeRetained = async (packet) => {
    if (packet.cmd === 'publish') retained.store(packet);
  };
  persistence.createRetainedStreamCombi = (filters) => Readable.from(retained.find(filters));
  persistence.createRetainedStream = (filter) => Readable.from(retained.find([filter]));
  return { persistence, sessions: made, retained };
}
