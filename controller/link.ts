/**
 * How the controller speaks to the broker: inside this process to the embedded one, to another one
 * as a client like any other.
 */
import { digestOf } from '../shared/digest.ts';
import { type Bus, type BusState, connectMqtt } from '../shared/mqtt.ts';
import { brokerAddress } from '../shared/mqtt-streams.ts';
import { encodeMessage } from '../shared/protocol/messages.ts';
import {
  type Address,
  type Channel,
  parseTopic,
  retainedChannels,
  topicOf,
  topicOfAll,
} from '../shared/protocol/topics.ts';
import type { Broker } from './broker.ts';
import type { World } from './world.ts';

export interface Link {
  /** Resolves when the broker has it. An `undefined` document clears what is retained. */
  publish(address: Address, document?: object): Promise<void>;
  /** Retained, on a topic of somebody else; null clears it. */
  publishRetained(topic: string, document: object | null): Promise<void>;
  readonly connected: boolean;
  /**
   * Ends the connections of a device whose password is no longer good, and what the broker keeps
   * for it. Never throws: what another broker does not allow is logged.
   */
  endSession(device: string): Promise<void>;
  end(): Promise<void>;
}

export interface LinkOptions {
  readonly onMessage: (address: Address, payload: Uint8Array) => void;
  /** Called at every connection: retained documents may have been lost with the broker. */
  readonly onConnected: () => void;
}

/** The fleet hears nothing while the controller is away from its broker. */
const backoff = { baseMs: 250, maxMs: 10_000 };

/** Every device may have one document under way and more behind it. */
const pendingMax = 200_000;

/** What devices send up; `inferred` only concerns a device and who asked it. */
const listened: readonly Channel[] = [
  'reported',
  'profile',
  'tuning',
  'telemetry',
  'event',
  'presence',
];

/** Over the embedded broker. */
export async function joinLink(broker: Broker, options: LinkOptions): Promise<Link> {
  const bus = broker.join(listener(options));
  await bus.subscribe(listened.map(topicOfAll), 1);
  options.onConnected();
  return linkOver(bus, { endSession: (device) => broker.drop(device) });
}

/**
 * Over the broker of the settings, with the credentials of its address. Throws `BROKER_REFUSED`
 * when it can't be reached or doesn't accept them.
 */
export async function connectLink(world: World, url: string, options: LinkOptions): Promise<Link> {
  const { username, password } = new URL(url);
  const { brokerCa, brokerCert, brokerKey } = world.settings;
  let ending = false;
  const account = {
    url: brokerAddress(new URL(url)),
    ...(username ? { username: decodeURIComponent(username) } : {}),
    ...(password ? { password: decodeURIComponent(password) } : {}),
    tls: { ca: brokerCa, cert: brokerCert, key: brokerKey },
  };
  const bus = await connectMqtt({
    ...account,
    // The same at every start: what is sent while this process is away waits at the broker.
    clientId: `controller-${digestOf(world.secrets.keys.publicKeyPem).slice(7, 19)}`,
    clean: false,
    pendingMax,
    backoff,
    onMessage: listener(options),
    onState: (state) => {
      if (!ending) followState(world, state, options);
    },
    onFault: (thrown) => world.log.error({ err: thrown }, 'mqtt'),
  });
  await bus.subscribe(listened.map(topicOfAll), 1);
  return linkOver(bus, {
    onEnding() {
      ending = true;
    },
    // [MQTT-3.1.2-6] A client that connects clean takes the session of its id away with it.
    async endSession(device) {
      try {
        await (await connectMqtt({ ...account, clientId: device, onMessage() {} })).end();
      } catch (thrown) {
        world.log.warn({ err: thrown, device }, 'its session at the broker was not ended');
      }
    },
  });
}

function listener({ onMessage }: LinkOptions): (topic: string, payload: Uint8Array) => void {
  return (topic, payload) => {
    const address = parseTopic(topic);
    if (address) onMessage(address, payload);
  };
}

interface Over {
  readonly endSession: Link['endSession'];
  readonly onEnding?: () => void;
}

function linkOver(bus: Bus, { endSession, onEnding }: Over): Link {
  return {
    endSession,
    async publish(address, document) {
      const retain = retainedChannels.includes(address.channel);
      const payload = document === undefined ? '' : encodeMessage(document);
      await bus.publish(topicOf(address), payload, { qos: 1, retain });
    },
    async publishRetained(topic, document) {
      const payload = document === null ? '' : encodeMessage(document);
      await bus.publish(topic, payload, { qos: 1, retain: true });
    },
    get connected() {
      return bus.connected;
    },
    end() {
      onEnding?.();
      return bus.end();
    },
  };
}

function followState(world: World, state: BusState, options: LinkOptions): void {
  if (state.state === 'connected') options.onConnected();
  else world.log.warn({ reason: state.reason }, 'broker connection lost');
}
