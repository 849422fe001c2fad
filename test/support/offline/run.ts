/**
 * A day without a broker, for a fleet. Goal: of what the devices counted nothing is lost and
 * nothing counted twice. Method: the clock is simulated; the spools are the agents' own files, the
 * broker and the controller are real; on the way back agents and the controller are stopped in the
 * middle.
 */
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { pino } from 'pino';
import * as v from 'valibot';
import { type Controller, startController } from '../../../controller/main.ts';
import { readSettings } from '../../../controller/settings.ts';
import { createHttpClient } from '../../../shared/http-client.ts';
import { createRandom } from '../../../shared/random.ts';
import { enrolDevice } from '../device.ts';
import { createOfflineDevice, type OfflineDevice } from './device.ts';

export interface OfflineRun {
  readonly agents: number;
  readonly hours: number;
  readonly windowSeconds: number;
  readonly seed: number;
  /** Empty. */
  readonly folder: string;
  readonly say: (text: string) => void;
}

const Stored = v.object({
  device: v.string(),
  windows: v.number(),
  numbers: v.number(),
  first: v.number(),
  last: v.number(),
  requests: v.number(),
});

export interface OfflineReport {
  readonly sent: { readonly windows: number; readonly requests: number };
  readonly stored: { readonly windows: number; readonly requests: number };
  /** Windows of the devices that the controller does not have. */
  readonly lost: number;
  /** Windows that it has twice. */
  readonly doubled: number;
  /** Devices whose numbers or requests differ, with both. */
  readonly differing: readonly string[];
}

/** Kept while the test looks at it. */
const retentionHours = 24 * 30;
const restartsMax = 3;
/** Real time that the controller has before it is stopped: most of it while devices send. */
const stopMsMax = 1500;

export async function runOffline(options: OfflineRun): Promise<OfflineReport> {
  const { agents, hours, windowSeconds, folder, say } = options;
  const random = createRandom(options.seed);
  const data = join(folder, 'controller');
  const first = await start(data, { port: 0, brokerPort: 0 });
  const devices = await enrolAll(first, options, random);
  const ports = { port: portOf(first.url), brokerPort: portOf(first.brokerUrl) };
  await first.stop();
  const windowMs = windowSeconds * 1000;
  const toMs = Date.now();
  const fromMs = toMs - hours * 3_600_000;
  const requests = new Map<string, number>();
  for (const device of devices) {
    requests.set(device.name, await device.live({ fromMs, toMs, windowMs }));
  }
  const windows = Math.ceil((toMs - fromMs) / windowMs);
  say(`${agents} agents have ${windows} windows each on disk; the broker comes back`);
  let controller = await start(data, ports);
  const draining = devices.map((device) => device.drain(Math.floor(random() * restartsMax)));
  const drained = Promise.all(draining);
  const stopMs = random() * stopMsMax;
  await Promise.race([drained, new Promise((resolve) => setTimeout(resolve, stopMs))]);
  await controller.stop();
  controller = await start(data, ports);
  say('the controller was stopped and started in the middle');
  await drained;
  await controller.stop();
  return compare(storedIn(data), requests, windows);
}

async function enrolAll(
  controller: Controller,
  { agents, folder }: OfflineRun,
  random: () => number,
): Promise<OfflineDevice[]> {
  const { url, adminToken } = controller;
  const client = createHttpClient({ url, token: adminToken });
  const asked = { method: 'POST', body: { maxUses: agents } } as const;
  const Token = v.object({ token: v.string() });
  const { token } = await client.call(Token, '/api/v1/enrolment-tokens', asked);
  const devices: OfflineDevice[] = [];
  for (let index = 1; index <= agents; index++) {
    const name = `device-${index}`;
    const identity = { ...(await enrolDevice({ url, token, name })), controller: url };
    devices.push(createOfflineDevice({ identity, folder: join(folder, name), random }));
  }
  return devices;
}

function start(data: string, ports: { port: number; brokerPort: number }): Promise<Controller> {
  return startController(
    readSettings({ data, ...ports, retentionHours }),
    pino({ level: 'silent' }),
  );
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

function storedIn(data: string): readonly v.InferOutput<typeof Stored>[] {
  const database = new Sqlite(join(data, 'fettle.db'), { readonly: true });
  try {
    const rows = database
      .prepare(
        `select device, count(*) as windows, count(distinct seq) as numbers,
           min(seq) as first, max(seq) as last, sum(requests) as requests
         from (select device, json_extract(document, '$.seq') as seq,
           json_extract(document, '$.requests') as requests from windows)
         group by device`,
      )
      .all();
    return v.parse(v.array(Stored), rows);
  } finally {
    database.close();
  }
}

function compare(
  stored: ReturnType<typeof storedIn>,
  requests: ReadonlyMap<string, number>,
  windows: number,
): OfflineReport {
  const found = new Map(stored.map((row) => [row.device, row]));
  const differing: string[] = [];
  let lost = 0;
  let doubled = 0;
  for (const [device, own] of requests) {
    const row = found.get(device);
    lost += windows - (row?.numbers ?? 0);
    doubled += row ? row.windows - row.numbers : 0;
    const same = row?.first === 1 && row.last === windows && row.requests === own;
    if (!same)
      differing.push(`${device}: ${windows} windows, ${own} requests; ${JSON.stringify(row)}`);
  }
  const sum = (of: (row: (typeof stored)[number]) => number) =>
    stored.reduce((total, row) => total + of(row), 0);
  const all = [...requests.values()].reduce((total, one) => total + one, 0);
  return {
    sent: { windows: windows * requests.size, requests: all },
    stored: { windows: sum((row) => row.windows), requests: sum((row) => row.requests) },
    ...{ lost, doubled, differing },
  };
}
