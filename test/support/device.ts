/**
 * A simulated device: the true protocol over HTTP and MQTT, and a behaviour instead of a processor.
 */
import type { ExecutionContext } from 'ava';
import { createHttpClient, type HttpClient } from '../../shared/http-client.ts';
import { type Bus, connectMqtt } from '../../shared/mqtt.ts';
import { EnrolAnswer } from '../../shared/protocol/api.ts';
import {
  type Ack,
  type Desired,
  decodeMessage,
  encodeMessage,
  type Reported,
} from '../../shared/protocol/messages.ts';
import type { DeviceState } from '../../shared/protocol/states.ts';
import {
  type Channel,
  parseTopic,
  retainedChannels,
  topicOf,
} from '../../shared/protocol/topics.ts';
import { verify } from '../../shared/signature.ts';
import { profileOf, reportOf } from './documents.ts';
import { until } from './until.ts';

export interface DeviceOptions {
  readonly url: string;
  readonly token: string;
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly hardwareClass?: string;
  /** What it does with a new goal: serve it, fail, or nothing until it is told. */
  readonly behaviour?: 'serve' | 'fail' | 'manual';
  /** The number of its last report in an earlier life. */
  readonly seq?: number;
  /** By which its machine is known again; one of its name where nothing is said. */
  readonly key?: string;
  /** Where it finds the broker, if not where the controller says. */
  readonly brokerUrl?: string;
}

export interface SimulatedDevice {
  readonly name: string;
  readonly enrolment: EnrolAnswer;
  /** With the device's own token. */
  readonly client: HttpClient;
  readonly bus: Bus;
  /** Desired documents in the order in which they came; what isn't signed or newer is left out. */
  readonly desired: readonly Desired[];
  readonly acks: readonly Ack[];
  behaviour: 'serve' | 'fail' | 'manual';
  /** The next report; its number rises by itself unless `rest` says another. */
  report(state: DeviceState, rest?: Partial<Reported>): Promise<void>;
  send(channel: Channel, document: object): Promise<void>;
  /** The first desired document of at least this revision. */
  goal(revision: number): Promise<Desired>;
  end(): Promise<void>;
}

/** Enrols, connects and says what it is. It is ended after the test. */
export async function startDevice(
  t: ExecutionContext,
  options: DeviceOptions,
): Promise<SimulatedDevice> {
  const device = await connectDevice(options, await enrolDevice(options));
  t.teardown(() => device.end());
  return device;
}

export function enrolDevice(options: DeviceOptions): Promise<EnrolAnswer> {
  const { url, token, name, labels, key = keyOf(name) } = options;
  const body = { token, device: name, key, ...(labels ? { labels } : {}) };
  const client = createHttpClient({ url, token: null });
  return client.call(EnrolAnswer, '/api/v1/enrol', { method: 'POST', body });
}

/** The key of a machine, by a word that tells it from others. */
export function keyOf(word: string): string {
  return `ftk_${Buffer.from(word).toString('base64url').padEnd(43, '_').slice(0, 43)}`;
}

export async function connectDevice(
  options: DeviceOptions,
  enrolment: EnrolAnswer,
): Promise<SimulatedDevice> {
  const { name, hardwareClass, behaviour = 'serve' } = options;
  const mailbox = createMailbox(name, enrolment.controllerKey);
  let { seq = 0 } = options;
  let last: Reported | null = null;
  const bus = await openBus(options, enrolment, mailbox.accept);
  const send = (channel: Channel, document: object) => {
    const retain = retainedChannels.includes(channel);
    const topic = topicOf({ device: name, channel });
    return bus.publish(topic, encodeMessage(document), { qos: 1, retain });
  };
  const { desired, acks } = mailbox;
  const device: SimulatedDevice = {
    ...{ name, enrolment, bus, desired, acks, send, behaviour },
    client: createHttpClient({ url: options.url, token: enrolment.deviceToken }),
    async report(state, rest = {}) {
      seq += 1;
      last = { ...reportOf(desired.at(-1) ?? null, { device: name, seq, state }), ...rest };
      await send('reported', last);
    },
    goal: (revision) =>
      until(`revision ${revision} at ${name}`, () =>
        desired.find((document) => document.revision >= revision),
      ),
    end: () => bus.end(),
  };
  mailbox.onDesired(async (document) => {
    if (device.behaviour === 'manual') return;
    const served = document.model ? 'serving' : 'idle';
    await device.report(device.behaviour === 'fail' ? 'failed' : served);
  });
  const channels = ['desired', 'ack'] as const;
  await bus.subscribe(
    channels.map((channel) => topicOf({ device: name, channel })),
    1,
  );
  // As at every connection: what was retained may have gone with the broker.
  mailbox.onConnected(async () => {
    await send('presence', { v: 1, device: name, online: true, boot: 'one' });
    await send('profile', profileOf(name, hardwareClass));
    if (last) await send('reported', last);
  });
  return device;
}

interface Mailbox {
  readonly desired: Desired[];
  readonly acks: Ack[];
  readonly accept: (event: { topic: string; payload: Buffer } | 'connected') => void;
  onDesired(call: (document: Desired) => Promise<void>): void;
  /** Called at once as well: the first connection is there. */
  onConnected(call: () => Promise<void>): void;
}

function createMailbox(name: string, key: string): Mailbox {
  const desired: Desired[] = [];
  const acks: Ack[] = [];
  let react = async (_: Desired) => {};
  let greet = async () => {};
  // A device that has ended can't answer any more.
  const quietly = (work: Promise<void>) => void work.catch(() => {});
  return {
    desired,
    acks,
    accept(event) {
      if (event === 'connected') return quietly(greet());
      const address = parseTopic(event.topic);
      if (event.payload.length === 0) return;
      if (address?.channel === 'ack') {
        acks.push(decodeMessage({ device: name, channel: 'ack' }, event.payload));
      }
      if (address?.channel !== 'desired') return;
      const document = decodeMessage({ device: name, channel: 'desired' }, event.payload);
      const newer = document.revision > (desired.at(-1)?.revision ?? 0);
      if (!newer || !verify(document, key)) return;
      desired.push(document);
      quietly(react(document));
    },
    onDesired(call) {
      react = call;
      const [first] = desired.slice(-1);
      if (first) quietly(react(first));
    },
    onConnected(call) {
      greet = call;
      quietly(greet());
    },
  };
}

function openBus(
  { name, brokerUrl }: DeviceOptions,
  { mqtt: { url, username, password } }: EnrolAnswer,
  accept: Mailbox['accept'],
): Promise<Bus> {
  const will = { v: 1, device: name, online: false, boot: 'one' };
  return connectMqtt({
    url: brokerUrl ?? url,
    username,
    password,
    clientId: name,
    backoff: { baseMs: 50, maxMs: 500 },
    will: {
      topic: topicOf({ device: name, channel: 'presence' }),
      payload: encodeMessage(will),
      qos: 1,
      retain: true,
    },
    onMessage: (topic, payload) => accept({ topic, payload }),
    onState: ({ state }) => {
      if (state === 'connected') accept('connected');
    },
  });
}
