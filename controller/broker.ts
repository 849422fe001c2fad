/** The embedded MQTT broker: every device has its own account and its own topics, nothing else. */
import { createServer, type Server, type Socket } from 'node:net';
import { Aedes, type AedesOptions, type AuthenticateError, type Client } from 'aedes';
import type { Logger } from 'pino';
import { FettleError, reasonOf } from '../shared/errors.ts';
import type { Bus } from '../shared/mqtt.ts';
import { channels, isChannel, parseTopic, topicOf } from '../shared/protocol/topics.ts';
import { createPersistence, type Kept, type Sessions } from './broker-persistence.ts';

/**
 * Who is on the other end of a connection. Names of people's accounts can't be names of devices.
 */
export type Account =
  | { role: 'controller' }
  | { role: 'admin' }
  | { role: 'viewer' }
  | { role: 'device'; device: string };

export interface BrokerOptions {
  readonly host: string;
  readonly port: number;
  readonly log: Logger;
  /** The account of these credentials, or null. */
  readonly authenticate: (username: string, password: string) => Account | null;
  /** A device tried what it may not do. */
  readonly onViolation: (account: Account, what: string) => void;
}

export interface Broker {
  readonly port: number;
  readonly clients: number;
  /** A client inside this process, which may do everything: it costs no connection and no copy. */
  join(onMessage: (topic: string, payload: Buffer) => void): Bus;
  /** Ends the connections of a device, and its sessions with what waits in them. */
  drop(device: string): Promise<void>;
  stop(): Promise<void>;
}

/** Sizes that bound what one connection can cost. */
const bounds = {
  connectTimeoutMs: 10_000,
  queueLimit: 1000,
  keepaliveSeconds: 600,
} as const;

/** Throws `PORT_IN_USE` where another process listens there. */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const guests = createGuests();
  const { persistence, sessions, retained } = createPersistence();
  const aedes = await Aedes.createBroker({
    persistence,
    connectTimeout: bounds.connectTimeoutMs,
    keepaliveLimit: bounds.keepaliveSeconds,
    queueLimit: bounds.queueLimit,
    ...handlersOf(options, guests),
  });
  aedes.on('clientDisconnect', guests.remove);
  aedes.on('clientError', (client, error) => {
    options.log.debug({ client: client.id, reason: reasonOf(error) }, 'mqtt client error');
  });
  aedes.on('connectionError', (_client, error) => {
    options.log.debug({ reason: reasonOf(error) }, 'mqtt connection error');
  });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('close', () => sockets.delete(socket));
    aedes.handle(socket);
  });
  const close = () => new Promise<void>((resolve) => aedes.close(resolve));
  try {
    await listen(server, options);
  } catch (thrown) {
    await close();
    throw thrown;
  }
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : options.port,
    get clients() {
      return aedes.connectedClients;
    },
    join: (onMessage) => join(aedes, retained, onMessage),
    async drop(device) {
      for (const client of guests.expel(device)) client.close();
      await endSessions(sessions, device);
    },
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function join(
  aedes: Aedes,
  retained: Kept,
  onMessage: (topic: string, payload: Buffer) => void,
): Bus {
  const take: Parameters<Aedes['subscribe']>[1] = ({ topic, payload }, done) => {
    onMessage(topic, Buffer.from(payload));
    // At once, the library would take the next that waits from within, and so on without end.
    process.nextTick(done);
  };
  return {
    publish(topic, payload, { qos = 1, retain = false } = {}) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const packet = { cmd: 'publish', dup: false, topic, payload, qos, retain } as const;
      aedes.publish(packet, (error) => (error ? reject(error) : resolve()));
      return promise;
    },
    async subscribe(topics) {
      for (const topic of topics) {
        await new Promise<void>((resolve) => aedes.subscribe(topic, take, resolve));
        // As for any client [MQTT-3.3.1-6]: the library leaves it out for one inside the process.
        for (const kept of retained.find([topic])) onMessage(kept.topic, Buffer.from(kept.payload));
      }
    },
    get connected() {
      return !aedes.closed;
    },
    async end() {},
  };
}

/** Takes away what is kept for the clients of a device: subscriptions and messages that wait. */
async function endSessions(sessions: Sessions, device: string): Promise<void> {
  const account = { role: 'device', device } as const;
  const ids = new Set([device]);
  for (const channel of Object.keys(channels).filter(isChannel)) {
    for await (const id of sessions.getClientList(topicOf({ device, channel }))) {
      if (mayUseClientId(account, String(id))) ids.add(String(id));
    }
  }
  for (const id of ids) {
    const client = { id };
    await sessions.cleanSubscriptions(client);
    for await (const packet of sessions.outgoingStream(client)) {
      await sessions.outgoingClearMessageId(client, packet);
    }
  }
}

/** Who is connected under which account. */
interface Guests {
  add(client: Client, account: Account): void;
  remove(client: Client): void;
  account(client: Client | null): Account | null;
  /** Takes its account from every client of the device: nothing of theirs is published any more. */
  expel(device: string): readonly Client[];
}

function createGuests(): Guests {
  const accounts = new WeakMap<Client, Account>();
  const byDevice = new Map<string, Set<Client>>();
  return {
    add(client, account) {
      accounts.set(client, account);
      if (account.role !== 'device') return;
      const connected = byDevice.get(account.device) ?? new Set();
      byDevice.set(account.device, connected.add(client));
    },
    remove(client) {
      const account = accounts.get(client);
      if (account?.role !== 'device') return;
      const connected = byDevice.get(account.device);
      if (connected?.delete(client) && connected.size === 0) byDevice.delete(account.device);
    },
    account: (client) => (client ? (accounts.get(client) ?? null) : null),
    expel(device) {
      const clients = [...(byDevice.get(device) ?? [])];
      byDevice.delete(device);
      for (const client of clients) accounts.delete(client);
      return clients;
    },
  };
}

type Handlers = Required<
  Pick<AedesOptions, 'authenticate' | 'authorizePublish' | 'authorizeSubscribe'>
>;

function handlersOf(options: BrokerOptions, guests: Guests): Handlers {
  const authenticate: Handlers['authenticate'] = (client, ...[username, password, done]) => {
    const account = options.authenticate(username ?? '', password?.toString() ?? '');
    if (!account || !mayUseClientId(account, client.id)) {
      done(badCredentials(), false);
      return;
    }
    guests.add(client, account);
    done(null, true);
  };
  return {
    authenticate,
    authorizePublish(client, packet, done) {
      const account = guests.account(client);
      if (account && mayPublish(account, packet.topic)) {
        done(null);
        return;
      }
      if (account) options.onViolation(account, `publishing on ${packet.topic}`);
      done(new Error(`not allowed to publish on ${packet.topic}`));
    },
    authorizeSubscribe(client, subscription, done) {
      const account = guests.account(client);
      if (account && maySubscribe(account, subscription.topic)) {
        done(null, subscription);
        return;
      }
      if (account) options.onViolation(account, `subscribing to ${subscription.topic}`);
      done(null, null);
    },
  };
}

/** A device's client id begins with its name, so that no device can push another off the broker. */
function mayUseClientId(account: Account, clientId: string): boolean {
  if (account.role !== 'device') return !clientId.startsWith('fettle/');
  return clientId === account.device || clientId.startsWith(`${account.device}:`);
}

/**
 * A device publishes on its own channels up. It may also ask itself for an inference: an
 * application on the device shares its account.
 */
function mayPublish(account: Account, topic: string): boolean {
  if (account.role === 'controller') return true;
  const address = parseTopic(topic);
  if (account.role === 'viewer') return isGreeting(topic);
  if (account.role === 'admin') return address?.channel === 'infer' || isGreeting(topic);
  if (!address) return false;
  if (address.device !== account.device) return false;
  return channels[address.channel] === 'up' || address.channel === 'infer';
}

/** Home Assistant says there that it has started, and that it is gone. */
function isGreeting(topic: string): boolean {
  return /^[\w-]+\/status$/.test(topic);
}

function maySubscribe(account: Account, topic: string): boolean {
  if (account.role === 'controller') return true;
  if (account.role !== 'device') {
    return topic.startsWith('fettle/v1/') || /^[\w-]+\/(#|\+|sensor\/|status$)/.test(topic);
  }
  // A wildcard names no channel, so that it parses to nothing and is refused.
  const address = parseTopic(topic);
  if (!address || address.device !== account.device) return false;
  return channels[address.channel] === 'down' || address.channel === 'inferred';
}

/** [MQTT-3.2.2-5] Return code 4: bad user name or password. */
function badCredentials(): AuthenticateError {
  return Object.assign(new Error('bad user name or password'), { returnCode: 4 });
}

function listen(server: Server, { host, port }: BrokerOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', (error) => reject(listenError(error, port)));
  server.listen({ host, port, backlog: 4096 }, resolve);
  return promise;
}

function listenError(error: Error, port: number): Error {
  if (!('code' in error) || error.code !== 'EADDRINUSE') return error;
  return new FettleError('PORT_IN_USE', { what: 'MQTT', port, setting: '--broker-port' });
}
