/**
 * Sends a controller, from every side, what nobody should send it. Goal: each document is refused
 * or stored, none is answered with a fault of the controller, and what another device sends at the
 * same moment is stored and acknowledged every time. Method: one sound document of every schema
 * with one thing wrong in it, chosen by a seed; after it all the same database opens again.
 */
import { join } from 'node:path';
import { pino } from 'pino';
import * as v from 'valibot';
import { type Controller, startController } from '../../../controller/main.ts';
import { readSettings } from '../../../controller/settings.ts';
import { FettleError } from '../../../shared/errors.ts';
import { createHttpClient, type HttpClient } from '../../../shared/http-client.ts';
import { DeviceDetail } from '../../../shared/protocol/api.ts';
import { decodeMessage, encodeMessage } from '../../../shared/protocol/messages.ts';
import { topicOf } from '../../../shared/protocol/topics.ts';
import { createRandom } from '../../../shared/random.ts';
import { connectDevice, enrolDevice, type SimulatedDevice } from '../device.ts';
import { until } from '../until.ts';
import { type Poison, poisoned, poisons } from './poison.ts';
import { type Down, downSamples, requestSamples, upSample, ups } from './samples.ts';

export interface MessagesOptions {
  readonly seed: number;
  /** So often each fault in each schema. */
  readonly rounds: number;
  /** Of the pairs of fault and schema so many are tried, 0 to 1. */
  readonly share: number;
  /** Empty; for the controller's data. */
  readonly folder: string;
  /** Address of a PostgreSQL database; null is SQLite. */
  readonly database: string | null;
}

/** Schema, fault and outcome, and how often. */
export type Outcomes = Map<string, Map<string, number>>;

export interface MessagesReport {
  readonly outcomes: Outcomes;
  readonly sent: number;
  /** What must not be. */
  readonly faults: readonly string[];
}

interface Scene {
  readonly controller: Controller;
  readonly client: HttpClient;
  readonly bad: SimulatedDevice;
  readonly good: SimulatedDevice;
  /** One wrong document; null where it is not its turn, or has nothing to spoil. */
  readonly make: (document: object, poison: Poison) => string | Buffer | null;
  readonly note: (what: string, outcome: string) => void;
  /** Numbers rise over all that is sent. */
  seq: number;
}

export async function runMessages(options: MessagesOptions): Promise<MessagesReport> {
  const outcomes: Outcomes = new Map();
  const faults: string[] = [];
  let sent = 0;
  const note = (what: string, outcome: string) => {
    sent += 1;
    const counts = outcomes.get(what) ?? new Map<string, number>();
    outcomes.set(what, counts.set(outcome, (counts.get(outcome) ?? 0) + 1));
    if (outcome.startsWith('FAULT')) faults.push(`${what}: ${outcome}`);
  };
  const settings = settingsOf(options);
  const controller = await startController(settings, pino({ level: 'silent' }));
  let devices: SimulatedDevice[] = [];
  let running: Controller | null = controller;
  try {
    const { url, adminToken } = controller;
    const client = createHttpClient({ url, token: adminToken });
    devices = await startDevices(client, url);
    const [bad, good] = devices;
    if (!bad || !good) throw new TypeError('two devices are needed');
    const random = createRandom(options.seed);
    const make = (document: object, poison: Poison) =>
      random() < options.share ? poisoned(document, poison, random) : null;
    const scene: Scene = { controller, client, bad, good, make, note, seq: 0 };
    for (let round = 0; round < options.rounds; round += 1) {
      await sendUp(scene);
      await sendRequests(scene);
      readDown(scene);
    }
    faults.push(...(await readAll(scene)));
    for (const device of devices.splice(0)) await device.end();
    await controller.stop();
    running = null;
    running = await startController(settings, pino({ level: 'silent' }));
    const again = createHttpClient({ url: running.url, token: adminToken });
    faults.push(...(await readAll({ ...scene, client: again })));
  } catch (thrown) {
    faults.push(String(thrown));
  } finally {
    for (const device of devices) await device.end();
    await running?.stop();
  }
  return { outcomes, sent, faults };
}

function settingsOf({ folder, database }: MessagesOptions) {
  const own = database === null ? {} : { database };
  return readSettings({ data: join(folder, 'data'), port: 0, brokerPort: 0, ...own });
}

async function startDevices(client: HttpClient, url: string): Promise<SimulatedDevice[]> {
  const Token = v.object({ token: v.string() });
  const order = { method: 'POST', body: { maxUses: 2 } } as const;
  const { token } = await client.call(Token, '/api/v1/enrolment-tokens', order);
  const devices: SimulatedDevice[] = [];
  for (const name of ['bad', 'good']) {
    const options = { url, token, name, behaviour: 'manual' } as const;
    devices.push(await connectDevice(options, await enrolDevice(options)));
  }
  return devices;
}

/** What a device sends, each with a window of another device in the same batch. */
async function sendUp(scene: Scene): Promise<void> {
  const { bad, good, make, note } = scene;
  for (const channel of ups) {
    for (const poison of poisons) {
      const payload = make(upSample(channel, 'bad', scene.seq + 1), poison);
      if (payload === null) continue;
      scene.seq += 1;
      const { seq } = scene;
      const before = await countersOf(scene);
      const sound = good.send('telemetry', upSample('telemetry', 'good', seq));
      await bad.bus.publish(topicOf({ device: 'bad', channel }), payload, { qos: 1 });
      await sound;
      const what = `${channel} | ${poison.name}`;
      await until(`the window of the other device: ${what}`, () =>
        good.acks.some(({ telemetry }) => telemetry?.spool === 's' && telemetry.seq === seq),
      );
      const after = await until(`both taken: ${what}`, async () => {
        const now = await countersOf(scene);
        return now.messages >= before.messages + 2 ? now : null;
      });
      note(what, outcomeOf(before, after));
    }
  }
}

interface Counters {
  readonly messages: number;
  readonly invalid: number;
  readonly unstored: number;
  readonly failures: number;
}

function outcomeOf(before: Counters, after: Counters): string {
  if (after.failures > before.failures) return 'FAULT: its batch failed';
  if (after.invalid > before.invalid) return 'refused';
  return after.unstored > before.unstored ? 'set aside' : 'stored';
}

async function countersOf({ controller }: Scene): Promise<Counters> {
  const text = await (await fetch(`${controller.url}/metrics`)).text();
  const of = (name: string) =>
    Number(new RegExp(`^fettle_ingest_${name}_total (\\d+)$`, 'm').exec(text)?.[1]);
  return {
    messages: of('messages'),
    invalid: of('invalid'),
    unstored: of('unstored'),
    failures: of('failures'),
  };
}

async function sendRequests({ controller, make, note }: Scene): Promise<void> {
  const headers = {
    authorization: `Bearer ${controller.adminToken}`,
    'content-type': 'application/json',
  };
  for (const { method, path, body } of requestSamples('bad')) {
    for (const poison of poisons) {
      const payload = make(body, poison);
      if (payload === null) continue;
      const init = { method, headers, body: new Uint8Array(Buffer.from(payload)) };
      const what = `${method} ${path.replace('/api/v1', '')} | ${poison.name}`;
      try {
        const answer = await fetch(controller.url + path, init);
        const text = await answer.text();
        if (answer.status >= 500) note(what, `FAULT: ${answer.status} ${text.slice(0, 200)}`);
        else note(what, answer.status >= 400 ? 'refused' : 'stored');
      } catch {
        // A body that is too large is not read to its end: the connection is closed on it.
        note(what, poison.name === '10 MiB' ? 'refused' : 'FAULT: no answer');
      }
    }
  }
}

/** What goes down, at the door where agents and programs read it. */
function readDown({ make, note }: Scene): void {
  const samples = downSamples('bad');
  for (const channel of channelsOf(samples)) {
    for (const poison of poisons) {
      const payload = make(samples[channel], poison);
      if (payload === null) continue;
      const what = `${channel} | ${poison.name}`;
      try {
        encodeMessage(decodeMessage({ device: 'bad', channel }, Buffer.from(payload)));
        note(what, 'taken');
      } catch (thrown) {
        const refused = thrown instanceof FettleError && thrown.code === 'MESSAGE_INVALID';
        note(what, refused ? 'refused' : `FAULT: ${thrown}`);
      }
    }
  }
}

function channelsOf(samples: Record<Down, object>): Down[] {
  const known = ['desired', 'release', 'ack', 'infer', 'inferred', 'summary'] as const;
  return known.filter((channel) => channel in samples);
}

/** Whatever was stored can be read, and nothing of the other device is missing. */
async function readAll({ client, seq }: Scene): Promise<string[]> {
  const faults: string[] = [];
  const paths = ['devices', 'models', 'rollouts', 'webhooks', 'tokens', 'audit'];
  const hour = `from=${ago(3_600_000)}&to=${ago(0)}`;
  const own = ['devices/bad', 'devices/bad/why', `devices/bad/telemetry?${hour}`];
  for (const path of [...paths, ...own]) {
    await client.call(v.unknown(), `/api/v1/${path}`).catch((thrown) => {
      faults.push(`${path} cannot be read: ${thrown}`);
    });
  }
  const { windows } = await client.call(DeviceDetail, '/api/v1/devices/good');
  const expected = Math.min(1000, seq);
  if (windows.length !== expected) {
    faults.push(`${windows.length} of ${expected} windows of the other device are there`);
  }
  return faults;
}

function ago(ms: number): string {
  return new Date(Date.now() - ms).toISOString();
}
