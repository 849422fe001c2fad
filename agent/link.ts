/** The agent's side of the MQTT topics: documents in, checked at the door, and documents out. */
import { reasonOf, reportError } from '../shared/errors.ts';
import { type Bus, type BusState, openMqtt } from '../shared/mqtt.ts';
import type { TlsFiles } from '../shared/mqtt-streams.ts';
import { decodeMessage, encodeMessage, type Message } from '../shared/protocol/messages.ts';
import { type Channel, parseTopic, retainedChannels, topicOf } from '../shared/protocol/topics.ts';
import type { Identity } from './enrol.ts';

export type UpChannel = Exclude<Channel, 'desired' | 'release' | 'ack' | 'infer'>;

export interface LinkHandlers {
  readonly onDesired: (desired: Message<'desired'>) => void;
  readonly onRelease: (release: Message<'release'>) => void;
  readonly onAck: (ack: Message<'ack'>) => void;
  readonly onInfer: (request: Message<'infer'>) => void;
  /** A connection was made: whatever should be known there is to be sent again. */
  readonly onConnected: () => void;
  readonly onState: (state: BusState) => void;
  readonly onFault: (thrown: unknown) => void;
}

export interface Link {
  /**
   * Sends a document now, if there is a connection. False: it was not taken, and whoever cares
   * sends it again at the next `onConnected`; nothing waits in memory for a broker that may be gone
   * for a day.
   */
  send<C extends UpChannel>(channel: C, document: Message<C>): Promise<boolean>;
  readonly connected: boolean;
  /** Says that the device goes offline, and closes. */
  end(): Promise<void>;
}

export interface LinkOptions {
  readonly identity: Identity;
  /** Of this run of the agent. */
  readonly boot: string;
  readonly handlers: LinkHandlers;
  readonly tls?: TlsFiles;
}

const endMs = 500;

export function openLink({ identity, boot, handlers, tls }: LinkOptions): Link {
  const { device, mqtt } = identity;
  const presence = (online: boolean) => encodeMessage({ v: 1, device, online, boot });
  const topic = (channel: Channel) => topicOf({ device, channel });
  const bus: Bus = openMqtt({
    url: mqtt.url,
    username: mqtt.username,
    password: mqtt.password,
    clientId: device,
    // What is sent while this device is away waits at the broker.
    clean: false,
    ...(tls && { tls }),
    will: { topic: topic('presence'), payload: presence(false), qos: 1, retain: true },
    onMessage: (from, payload) => receive({ device, from, payload }, handlers),
    onFault: handlers.onFault,
    onState(state) {
      handlers.onState(state);
      if (state.state !== 'connected') return;
      // The report goes first: whoever hears that the device is here knows what it does.
      handlers.onConnected();
      publish('presence', presence(true)).catch(handlers.onFault);
    },
  });
  const publish = (channel: UpChannel, payload: Buffer) =>
    bus.publish(topic(channel), payload, { qos: 1, retain: retainedChannels.includes(channel) });
  // Sent with every connection; it needs no waiting for.
  const down = [topic('desired'), topic('release'), topic('ack'), topic('infer')];
  bus.subscribe(down, 1).catch(handlers.onFault);
  return {
    async send(channel, document) {
      if (!bus.connected) return false;
      try {
        await publish(channel, encodeMessage(document));
        return true;
      } catch (thrown) {
        handlers.onFault(thrown);
        return false;
      }
    },
    get connected() {
      return bus.connected;
    },
    async end() {
      if (bus.connected) {
        const told = publish('presence', presence(false)).catch(() => {});
        await Promise.race([told, new Promise((resolve) => setTimeout(resolve, endMs).unref())]);
      }
      await bus.end();
    },
  };
}

interface Received {
  readonly device: string;
  readonly from: string;
  readonly payload: Buffer;
}

/** An empty payload is a retained document that was cleared: nothing to act on. */
function receive({ device, from, payload }: Received, handlers: LinkHandlers): void {
  const address = parseTopic(from);
  if (address === null || address.device !== device || payload.length === 0) return;
  const { channel } = address;
  if (channel === 'desired') handlers.onDesired(decodeMessage({ device, channel }, payload));
  else if (channel === 'release') handlers.onRelease(decodeMessage({ device, channel }, payload));
  else if (channel === 'ack') handlers.onAck(decodeMessage({ device, channel }, payload));
  else if (channel === 'infer') handlers.onInfer(decodeMessage({ device, channel }, payload));
}

/** One line of a fault for the log. */
export function faultLine(thrown: unknown): string {
  const report = reportError(thrown);
  return report.code === 'INTERNAL' ? reasonOf(thrown) : `${report.message} (${report.code})`;
}
