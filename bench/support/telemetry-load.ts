/**
 * A fleet that sends telemetry, as a process of its own: `node telemetry-load.ts` with one JSON
 * argument. It prints one JSON line. Sends at a fixed rate whatever comes back (an open loop), so
 * that a slow receiver shows as delay.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { quantileOf } from '../../shared/evaluate/timing.ts';
import { encodeMessage } from '../../shared/protocol/messages.ts';
import { topicOf } from '../../shared/protocol/topics.ts';
import { connectDevice, enrolDevice, type SimulatedDevice } from '../../test/support/device.ts';
import { loadDocument } from './load-document.ts';

export interface Load {
  readonly url: string;
  readonly token: string;
  readonly devices: number;
  /** Messages of all devices together; each holds one window. */
  readonly perSecond: number;
  readonly seconds: number;
}

export interface Answer {
  readonly sent: number;
  readonly acknowledged: number;
  /** From sending a window to the word that it is stored. */
  readonly delayMsP50: number;
  readonly delayMsP99: number;
  readonly messageBytes: number;
}

/** After the last message, as long is waited for what is still to be acknowledged. */
const patienceMs = 20_000;
const connectWidth = 20;

/** Stands for the number in a document, and nowhere else in it. */
const seqMark = 987_654_321;

interface Sender {
  readonly device: SimulatedDevice;
  readonly topic: string;
  readonly parts: readonly string[];
  readonly sentMs: number[];
  acknowledged: number;
}

const load: Load = JSON.parse(process.argv[2] ?? '');
const text = JSON.stringify(await run(load));
process.stdout.write(`${text}\n`, () => process.exit(0));

async function run({ url, token, devices, perSecond, seconds }: Load): Promise<Answer> {
  const names = Array.from({ length: devices }, (_, index) => `load-${index}`);
  const senders: Sender[] = [];
  for (let at = 0; at < names.length; at += connectWidth) {
    const some = names.slice(at, at + connectWidth);
    senders.push(...(await Promise.all(some.map((name) => start({ url, token, name })))));
  }
  const delaysMs: number[] = [];
  const startMs = performance.now();
  const total = Math.round(perSecond * seconds);
  for (let sent = 0; sent < total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - startMs) / 1000) * perSecond));
    for (; sent < due; sent += 1) {
      const sender = senders[sent % senders.length];
      if (sender) send(sender);
    }
    collect(senders, delaysMs);
    await pause(5);
  }
  const patientUntil = performance.now() + patienceMs;
  while (delaysMs.length < total && performance.now() < patientUntil) {
    collect(senders, delaysMs);
    await pause(5);
  }
  const messageBytes = encodeMessage(loadDocument('load-0', 0)).length;
  return {
    sent: total,
    acknowledged: delaysMs.length,
    delayMsP50: quantileOf(delaysMs, 0.5),
    delayMsP99: quantileOf(delaysMs, 0.99),
    messageBytes,
  };
}

async function start(options: { url: string; token: string; name: string }): Promise<Sender> {
  const device = await connectDevice(
    { ...options, behaviour: 'manual' },
    await enrolDevice(options),
  );
  const topic = topicOf({ device: device.name, channel: 'telemetry' });
  return { device, topic, parts: partsOf(device.name), sentMs: [], acknowledged: 0 };
}

/** The document of a device around its number: making it anew would cost more than sending it. */
function partsOf(device: string): readonly string[] {
  return JSON.stringify(loadDocument(device, seqMark)).split(String(seqMark));
}

function send({ device, topic, parts, sentMs }: Sender): void {
  const payload = parts.join(String(sentMs.length));
  sentMs.push(performance.now());
  // What was not sent is not acknowledged: the count tells.
  device.bus.publish(topic, payload, { qos: 1 }).catch(() => {});
}

/** An acknowledgement of a number stands for all before it. */
function collect(senders: readonly Sender[], delaysMs: number[]): void {
  const now = performance.now();
  for (const sender of senders) {
    const last = sender.device.acks.findLast(({ telemetry }) => telemetry?.spool === 'load');
    const stored = (last?.telemetry?.seq ?? -1) + 1;
    for (; sender.acknowledged < stored; sender.acknowledged += 1) {
      delaysMs.push(now - (sender.sentMs[sender.acknowledged] ?? now));
    }
  }
}
