/** How much telemetry a controller takes in, held for minutes on the machine that also sends it. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import * as v from 'valibot';
import { createHttpClient } from '../shared/http-client.ts';
import { productRoot } from '../shared/product.ts';
import type { Bench, BenchContext } from './bench.ts';
import { brokerCeiling } from './support/broker-ceiling.ts';
import type { Answer, Load } from './support/telemetry-load.ts';

const devices = 200;
const steps = [3000, 5000] as const;
const stepSeconds = 10;
const heldSeconds = 300;
/** A rate is held where all is stored, and 99 % of it within this. */
const p99MsMax = 1000;
/** The long run is at this share of the highest rate that a short run held. */
const heldShare = 0.75;
/** Windows of one device in a day, at the usual five seconds. */
const windowsPerDay = 86_400 / 5;

export const bench: Bench = {
  what: 'Telemetry stored by a controller, all on one machine',
  async run(context) {
    const rows = [];
    let best = 0;
    for (const perSecond of steps) {
      const row = await measure({ perSecond, seconds: stepSeconds }, context);
      rows.push(row);
      context.note(row.map(String).join('  '));
      if (row[3] !== 'all' || Number(row[5]) > p99MsMax) break;
      best = perSecond;
    }
    const perSecond = Math.round(best * heldShare);
    rows.push(await measure({ perSecond, seconds: heldSeconds }, context));
    const ceiling = await brokerCeiling({ devices, seconds: stepSeconds }, context);
    return { columns, rows, notes: [...notes, ceiling] };
  },
};

const columns = ['messages/s', 'seconds', 'sent', 'stored', 'p50 ms', 'p99 ms', 'KiB/device-day'];
const notes = [
  `${devices} devices, each message one window: requests, errors, a latency histogram, memory, ` +
    'processor, temperature. The senders take processor time from the controller.',
  'Delays are from sending to the word that the window is in the database (synchronous = FULL).',
  'Growth: of the database over the run, a window every five seconds, before the roll-ups.',
];

interface Rate {
  readonly perSecond: number;
  readonly seconds: number;
}

async function measure(
  { perSecond, seconds }: Rate,
  { signal, note }: BenchContext,
): Promise<(string | number)[]> {
  note(`${perSecond} messages a second for ${seconds} s`);
  const folder = await mkdtemp(join(tmpdir(), 'fettle-bench-'));
  const controller = await startController(folder, signal);
  try {
    const load = { url: controller.url, token: controller.enrolmentToken, devices };
    const before = await bytesIn(folder);
    const answer = await sendLoad({ ...load, perSecond, seconds }, signal);
    const { sent, acknowledged, delayMsP50, delayMsP99 } = answer;
    const grown = ((await bytesIn(folder)) - before) / Math.max(1, acknowledged);
    const stored = acknowledged === sent ? 'all' : acknowledged;
    const growth = (grown * windowsPerDay) / 1024;
    return [perSecond, seconds, sent, stored, delayMsP50, delayMsP99, growth];
  } finally {
    await controller.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

const Token = v.object({ token: v.string() });

async function startController(folder: string, signal: AbortSignal) {
  const cli = join(productRoot(), 'cli.ts');
  const args = [cli, 'controller', '--data', folder, '--port', '0', '--broker-port', '0'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], signal });
  child.on('error', () => {});
  const lines: string[] = [];
  for await (const line of createInterface(child.stdout)) {
    lines.push(line);
    if (line.startsWith('dashboard')) break;
  }
  const text = lines.join('\n');
  const url = /^controller +(\S+)$/m.exec(text)?.[1] ?? '';
  const token = /#token=(\S+)$/m.exec(text)?.[1] ?? '';
  const client = createHttpClient({ url, token });
  const body = { maxUses: devices, expiresInSeconds: 3600 };
  const path = '/api/v1/enrolment-tokens';
  const enrolment = await client.call(Token, path, { method: 'POST', body });
  return {
    url,
    enrolmentToken: enrolment.token,
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

async function sendLoad(load: Load, signal: AbortSignal): Promise<Answer> {
  const script = join(import.meta.dirname, 'support/telemetry-load.ts');
  const args = [script, JSON.stringify(load)];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    maxBuffer: 1 << 28,
    signal,
  });
  const answer: Answer = JSON.parse(stdout);
  return answer;
}

/** Of the database without its log, which is bounded. */
async function bytesIn(folder: string): Promise<number> {
  return (await stat(join(folder, 'fettle.db'))).size;
}
