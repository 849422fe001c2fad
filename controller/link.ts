/**
 * The controller's own connection to the broker, embedded or not: it is a client like any other.
 */
import { digestOf } from '../shared/digest.ts';
import { type Bus, type BusState, connectMqtt } from '../shared/mqtt.ts';
import { encodeMessage } from '../shared/protocol/messages.ts';
import {
  type Address,
  type Channel,
  parseTopic,
  retainedChannels,
  topicOf,
  topicOfAll,
} from '../shared/protocol/topics.ts';
import type { World } from './world.ts';

export interface Link {
  /** Resolves when the broker has it. An `undefined` document clears what is retained. */
  publish(address: Address, document?: object): Promise<void>;
  readonly connected: boolean;
  end(): Promise<void>;
}

export interface LinkOptions {
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
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

/** Throws `BROKER_REFUSED` when the broker can't be reached or doesn't accept the credentials. */
export async function connectLink(world: World, options: LinkOptions): Promise<Link> {
  const { username, password } = options;
  const { brokerCa, brokerCert, brokerKey } = world.settings;
  let ending = false;
  const bus: Bus = await connectMqtt({
    url: withoutCredentials(options.url),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    // The same at every start: what is sent while this process is away waits at the broker.
    clientId: `controller-${digestOf(world.secrets.keys.publicKeyPem).slice(7, 19)}`,
    clean: false,
    tls: { ca: brokerCa, cert: brokerCert, key: brokerKey },
    pendingMax,
    backoff,
    onMessage(topic, payload) {
      const address = parseTopic(topic);
      if (address) options.onMessage(address, payload);
    },
    onState: (state) => {
      if (!ending) followState(world, state, options);
    },
    onFault: (thrown) => world.log.error({ err: thrown }, 'mqtt'),
  });
  await bus.subscribe(listened.map(topicOfAll), 1);
  return {
    async publish(address, document) {
      const retain = retainedChannels.includes(address.channel);
      const payload = document === undefined ? '' : encodeMessage(document);
      await bus.publish(topicOf(address), payload, { qos: 1, retain });
    },
    get connected() {
      return bus.connected;
    },
    end() {
      ending = true;
      return bus.end();
    },
  };
}

function followState(world: World, state: BusState, options: LinkOptions): void {
  if (state.state === 'connected') options.onConnected();
  else world.log.warn({ reason: state.reason }, 'broker connection lost');
}

function withoutCredentials(url: string): string {
  const parsed = new URL(url);
  parsed.username = '';
  parsed.password = '';
  return parsed.href;
}
