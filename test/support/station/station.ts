/**
 * The other side of an agent, in little: enrolment, variants and files over HTTP, a broker. Nothing
 * is decided here: a test says which document is published, when, and signed with which key.
 */
import { readFileSync } from 'node:fs';
import { type Recipe, sourceRecipe } from '../../../shared/compress/recipe.ts';
import { type Digest, digestOf, digestOfJson } from '../../../shared/digest.ts';
import { type Bus, connectMqtt } from '../../../shared/mqtt.ts';
import { decodeMessage, encodeMessage, type Message } from '../../../shared/protocol/messages.ts';
import { parseTopic, topicOf, topicOfAll } from '../../../shared/protocol/topics.ts';
import { createKeyPair, type KeyPair } from '../../../shared/signature.ts';
import type { Owner } from '../owner.ts';
import { until } from '../until.ts';
import { brokerPassword, startBroker } from './broker.ts';
import { type Offer, startHttp } from './http.ts';

export interface Heard {
  readonly reported: Message<'reported'>[];
  readonly profile: Message<'profile'>[];
  readonly tuning: Message<'tuning'>[];
  readonly telemetry: Message<'telemetry'>[];
  readonly event: Message<'event'>[];
  readonly presence: Message<'presence'>[];
  readonly inferred: Message<'inferred'>[];
}

export interface Station {
  readonly url: string;
  /** Of enrolments from now on; documents are signed by the test. */
  keys: KeyPair;
  readonly heard: Heard;
  /** Answers what comes, as a controller does that has stored it. */
  acknowledging: boolean;
  /** Requests for files wait for this before they are answered. */
  gate: Promise<void> | null;
  readonly enrolments: number;
  publish(channel: Down, document: object): Promise<void>;
  /** From now on this file is the variant of the recipe, with the golden set if one is named. */
  offer(recipe: Recipe, path: string, goldenPath?: string): Digest;
  /** From now on this file can be fetched by its digest. */
  share(path: string): Digest;
  /** From now on no variant can be had. */
  withdraw(): void;
  /** The first report that is wanted, of those that have come and those to come. */
  reported(what: string, wanted: (report: Message<'reported'>) => boolean): Promise<void>;
  event(code: string): Promise<Message<'event'>>;
  dropConnections(): void;
  refuseConnections(refusing: boolean): void;
}

type Down = 'desired' | 'release' | 'ack' | 'infer';

export const device = 'device';

export async function startStation(t: Owner): Promise<Station> {
  const broker = await startBroker(t);
  const offers = new Map<string, Offer>();
  const heard = emptyHeard();
  const bus = await connectMqtt({
    ...{ url: broker.url, username: 'station', password: brokerPassword, clientId: 'station' },
    onMessage(topic, payload) {
      hear(heard, topic, payload);
      // The test may end at any moment, and the connection with it.
      if (station.acknowledging) acknowledge(bus, heard).catch(() => {});
    },
  });
  t.teardown(() => bus.end());
  const channels = ['reported', 'profile', 'tuning', 'telemetry', 'event', 'presence', 'inferred'];
  await bus.subscribe(
    channels.flatMap((name) => subscriptionOf(name)),
    1,
  );
  let enrolments = 0;
  const url = await startHttp(t, {
    offers,
    gate: () => station.gate,
    enrol() {
      enrolments += 1;
      const mqtt = { url: broker.url, username: device, password: brokerPassword };
      return { device, deviceToken: 'bearer', controllerKey: station.keys.publicKeyPem, mqtt };
    },
  });
  const station: Station = {
    ...{ url, heard, keys: createKeyPair(), acknowledging: true, gate: null },
    get enrolments() {
      return enrolments;
    },
    publish: (channel, document) => send(bus, channel, document),
    offer(recipe, path, goldenPath) {
      const bytes = readFileSync(path);
      const golden = goldenPath === undefined ? null : goldenOf(goldenPath, station);
      offers.set(digestOfJson(recipe), { recipe, bytes, digest: digestOf(bytes), golden });
      return digestOf(bytes);
    },
    share(path) {
      const bytes = readFileSync(path);
      const digest = digestOf(bytes);
      offers.set(digest, { recipe: sourceRecipe, bytes, digest });
      return digest;
    },
    withdraw: () => offers.clear(),
    async reported(what, wanted) {
      await until(what, () => heard.reported.some(wanted), { timeoutMs: 90_000 });
    },
    event: (code) => until(code, () => heard.event.find((event) => event.code === code)),
    dropConnections: broker.drop,
    refuseConnections: broker.refuse,
  };
  return station;
}

function goldenOf(path: string, station: Station) {
  return { digest: station.share(path), bytes: readFileSync(path).length, samples: 4 };
}

function emptyHeard(): Heard {
  return {
    ...{ reported: [], profile: [], tuning: [], telemetry: [] },
    ...{ event: [], presence: [], inferred: [] },
  };
}

function subscriptionOf(name: string): string[] {
  const channel = parseTopic(`fettle/v1/${device}/${name}`)?.channel;
  return channel ? [topicOfAll(channel)] : [];
}

function hear(heard: Heard, topic: string, payload: Buffer): void {
  const channel = parseTopic(topic)?.channel;
  if (channel === 'reported') heard.reported.push(decodeMessage({ device, channel }, payload));
  if (channel === 'profile') heard.profile.push(decodeMessage({ device, channel }, payload));
  if (channel === 'tuning') heard.tuning.push(decodeMessage({ device, channel }, payload));
  if (channel === 'telemetry') heard.telemetry.push(decodeMessage({ device, channel }, payload));
  if (channel === 'event') heard.event.push(decodeMessage({ device, channel }, payload));
  if (channel === 'presence') heard.presence.push(decodeMessage({ device, channel }, payload));
  if (channel === 'inferred') heard.inferred.push(decodeMessage({ device, channel }, payload));
}

async function acknowledge(bus: Bus, { reported, tuning, telemetry, event }: Heard): Promise<void> {
  const sent = telemetry.at(-1);
  const seq = sent?.windows.at(-1)?.seq;
  const said = event.at(-1);
  await send(bus, 'ack', {
    v: 1,
    reportedSeq: reported.at(-1)?.seq,
    tuningRevision: tuning.at(-1)?.revision,
    ...(sent && seq !== undefined ? { telemetry: { spool: sent.spool, seq } } : {}),
    ...(said?.seq === undefined ? {} : { event: { spool: said.spool, seq: said.seq } }),
  });
}

const retained = new Set<Down>(['desired', 'release']);

function send(bus: Bus, channel: Down, document: object): Promise<void> {
  const topic = topicOf({ device, channel });
  return bus.publish(topic, encodeMessage(document), { qos: 1, retain: retained.has(channel) });
}
