/**
 * The one door to the MQTT client: connections that come back by themselves, with jitter, and
 * queues that have an end. MQTT 3.1.1, which every broker speaks.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { type IClientOptions, MqttClient } from 'mqtt';
import { type Backoff, backoffMs } from './backoff.ts';
import { FettleError, reasonOf } from './errors.ts';
import { streams, type TlsFiles } from './mqtt-streams.ts';

export interface BusState {
  readonly state: 'connected' | 'disconnected' | 'refused';
  /** Why it is not connected; '' when it is. */
  readonly reason: string;
}

export interface BusOptions {
  /** One of `brokerProtocols`. */
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
  readonly clientId: string;
  readonly will?: { topic: string; payload: Buffer | string; qos: 0 | 1; retain: boolean };
  /** For TLS: files in PEM. Without them this process's authorities are trusted. */
  readonly tls?: TlsFiles;
  /** false asks the broker to keep this client's session; true by default. */
  readonly clean?: boolean;
  /** Called for every message, in order. What it throws goes to `onFault`. */
  readonly onMessage: (topic: string, payload: Buffer) => void;
  readonly onState?: (state: BusState) => void;
  readonly onFault?: (thrown: unknown) => void;
  readonly backoff?: Backoff;
  /** How long one connection attempt may take. */
  readonly timeoutMs?: number;
  /** Publications that may wait for the broker before more are refused. */
  readonly pendingMax?: number;
}

export interface PublishOptions {
  readonly qos?: 0 | 1;
  readonly retain?: boolean;
}

export interface Bus {
  /**
   * Resolves when the broker has the message (qos 1) or it was written (qos 0). While disconnected
   * it waits in a bounded queue. Throws `BROKER_REFUSED` when the queue is full or the bus has
   * ended.
   */
  publish(topic: string, payload: Buffer | string, options?: PublishOptions): Promise<void>;
  /** Kept across reconnections. Throws `BROKER_REFUSED` where the broker does not allow it. */
  subscribe(topics: readonly string[], qos: 0 | 1): Promise<void>;
  readonly connected: boolean;
  /** Says goodbye (the will is not sent) and waits at most a second for what is under way. */
  end(): Promise<void>;
}

const defaults = {
  backoff: { baseMs: 1000, maxMs: 60_000 },
  timeoutMs: 10_000,
  pendingMax: 1000,
  keepaliveSeconds: 30,
  endMs: 1000,
  /** A connection that has lasted so long was a good one. */
  stableMs: 60_000,
} as const;

/**
 * A connected bus. Throws `BROKER_REFUSED` when the first attempt is refused or fails; from then on
 * it reconnects by itself.
 */
export async function connectMqtt(options: BusOptions): Promise<Bus> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const bus = openMqtt({
    ...options,
    onState: (state) => {
      if (state.state === 'connected') resolve();
      else reject(refused(options.url, state.reason));
      options.onState?.(state);
    },
  });
  try {
    await promise;
    return bus;
  } catch (thrown) {
    await bus.end();
    throw thrown;
  }
}

/**
 * A bus at once, that connects in the background for as long as it takes; `onState` says how that
 * goes.
 */
export function openMqtt(options: BusOptions): Bus {
  const backoff = options.backoff ?? defaults.backoff;
  const client = new MqttClient(streams(options), clientOptions(options, backoffMs(0, backoff)));
  const subscriptions = new Map<string, 0 | 1>();
  followState(client, { options, backoff, subscriptions });
  client.on('message', (topic, payload) => {
    try {
      options.onMessage(topic, payload);
    } catch (thrown) {
      options.onFault?.(thrown);
    }
  });
  let pending = 0;
  return {
    async publish(topic, payload, { qos = 1, retain = false } = {}) {
      const pendingMax = options.pendingMax ?? defaults.pendingMax;
      if (pending >= pendingMax) throw refused(options.url, `${pending} messages wait to be sent`);
      pending += 1;
      try {
        await client.publishAsync(topic, payload, { qos, retain });
      } catch (thrown) {
        throw refused(options.url, reasonOf(thrown), thrown);
      } finally {
        pending -= 1;
      }
    },
    async subscribe(topics, qos) {
      for (const topic of topics) subscriptions.set(topic, qos);
      // Otherwise they are sent as soon as there is a connection.
      if (client.connected) await sendSubscriptions(client, new Map(topics.map((t) => [t, qos])));
    },
    get connected() {
      return client.connected;
    },
    end: () => endClient(client, () => pending),
  };
}

function clientOptions(options: BusOptions, reconnectPeriod: number): IClientOptions {
  return {
    clientId: options.clientId,
    clean: options.clean ?? true,
    keepalive: defaults.keepaliveSeconds,
    connectTimeout: options.timeoutMs ?? defaults.timeoutMs,
    reconnectPeriod,
    // Wrong credentials may become right (a device enrolled again), so it goes on trying, slowly.
    reconnectOnConnackError: true,
    // The map of subscriptions is sent on every connection instead: retained documents then come
    // again.
    resubscribe: false,
    queueQoSZero: true,
    // Its cache of all 16-bit numbers as buffers is 10 MiB of heap (mqtt-packet, numbers.js).
    writeCache: false,
    ...(options.username === undefined ? {} : { username: options.username }),
    ...(options.password === undefined ? {} : { password: options.password }),
    ...(options.will === undefined
      ? {}
      : { will: { ...options.will, payload: Buffer.from(options.will.payload) } }),
  };
}

interface Following {
  readonly options: BusOptions;
  readonly backoff: Backoff;
  readonly subscriptions: ReadonlyMap<string, 0 | 1>;
}

function followState(client: MqttClient, { options, backoff, subscriptions }: Following): void {
  let attempt = 0;
  let reason = 'the connection was closed';
  let state: BusState['state'] = 'disconnected';
  let stable: NodeJS.Timeout | undefined;
  client.on('connect', () => {
    // Who is thrown off again and again, by another of the same name say, waits longer each time.
    client.options.reconnectPeriod = backoffMs(attempt, backoff);
    stable = setTimeout(() => {
      attempt = 0;
      client.options.reconnectPeriod = backoffMs(0, backoff);
    }, defaults.stableMs).unref();
    reason = 'the connection was closed';
    state = 'disconnected';
    sendSubscriptions(client, subscriptions).catch((thrown) => options.onFault?.(thrown));
    options.onState?.({ state: 'connected', reason: '' });
  });
  // Each attempt draws the wait before the next one.
  client.on('reconnect', () => {
    attempt += 1;
    client.options.reconnectPeriod = backoffMs(attempt, backoff);
  });
  client.on('error', (error) => {
    reason = reasonOf(error) || ('code' in error ? String(error.code) : 'connection failed');
    // [MQTT-3.2.2-5] A CONNACK with a return code above zero refuses the connection.
    state = reason.startsWith('Connection refused:') ? 'refused' : 'disconnected';
  });
  client.on('close', () => clearTimeout(stable));
  client.on('close', () => options.onState?.({ state, reason }));
}

async function sendSubscriptions(
  client: MqttClient,
  subscriptions: ReadonlyMap<string, 0 | 1>,
): Promise<void> {
  if (subscriptions.size === 0) return;
  const wanted = Object.fromEntries([...subscriptions].map(([topic, qos]) => [topic, { qos }]));
  const refusal = (reason: string) => refused(client.options.host ?? 'mqtt', reason);
  let granted: readonly { topic: string; qos: number }[];
  try {
    granted = await client.subscribeAsync(wanted);
  } catch (thrown) {
    // The connection fell meanwhile: the next one sends them again.
    if (!client.connected) return;
    throw refusal(`subscription refused (${reasonOf(thrown)})`);
  }
  // [MQTT-3.9.3] 0x80 in a SUBACK: failure.
  const bad = granted.find(({ qos }) => qos === 128);
  if (bad) throw refusal(`subscription to ${bad.topic} refused`);
}

/**
 * A publication that the broker will never acknowledge (it closed the connection because of it)
 * would keep the client waiting for ever: it is waited for a second, then the connection is cut.
 */
async function endClient(client: MqttClient, pending: () => number): Promise<void> {
  const endAtMs = performance.now() + defaults.endMs;
  while (client.connected && pending() > 0 && performance.now() < endAtMs) await sleep(10);
  const graceful = client.connected && pending() === 0;
  await Promise.race([
    client.endAsync(!graceful),
    sleep(defaults.endMs, undefined, { ref: false }),
  ]);
  client.stream.destroy();
}

function refused(url: string, reason: string, cause?: unknown): FettleError {
  return new FettleError('BROKER_REFUSED', { url, reason }, { cause });
}
