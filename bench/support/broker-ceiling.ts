/** What a broker alone carries: the same messages to Mosquitto and on to one subscriber. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Bus, connectMqtt } from '../../shared/mqtt.ts';
import { encodeMessage } from '../../shared/protocol/messages.ts';
import { topicOf } from '../../shared/protocol/topics.ts';
import { unusedPort } from '../../test/support/ports.ts';
import type { BenchContext } from '../bench.ts';
import { loadDocument } from './load-document.ts';

const program = '/usr/sbin/mosquitto';
/** Messages that one device has under way. */
const underWay = 4;

/** The most messages a second, as a sentence; or why there is no figure. */
export async function brokerCeiling(
  { devices, seconds }: { devices: number; seconds: number },
  { note }: BenchContext,
): Promise<string> {
  if (!existsSync(program)) return 'Mosquitto is not installed: no ceiling was measured.';
  note('the ceiling: Mosquitto alone');
  const folder = await mkdtemp(join(tmpdir(), 'fettle-bench-'));
  const port = await unusedPort();
  const config = join(folder, 'mosquitto.conf');
  await writeFile(config, `listener ${port} 127.0.0.1\nallow_anonymous true\n`);
  const child = spawn(program, ['-c', config], { stdio: 'ignore' });
  try {
    const perSecond = await carry({ url: `mqtt://127.0.0.1:${port}`, devices, seconds });
    return (
      `Mosquitto alone carries ${Math.round(perSecond)} such messages a second on this machine ` +
      '(QoS 1, one subscriber, sender and subscriber in one process).'
    );
  } finally {
    child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
}

interface Carrying {
  readonly url: string;
  readonly devices: number;
  readonly seconds: number;
}

async function carry({ url, devices, seconds }: Carrying): Promise<number> {
  let received = 0;
  const subscriber = await connected(url, 'subscriber', () => {
    received += 1;
  });
  await subscriber.subscribe(['#'], 1);
  const buses: Bus[] = [];
  for (let index = 0; index < devices; index += 1) {
    buses.push(await connected(url, `load-${index}`, () => {}));
  }
  const endMs = performance.now() + seconds * 1000;
  const windows = buses.flatMap((bus, index) =>
    Array.from({ length: underWay }, () => flood(bus, `load-${index}`, endMs)),
  );
  await Promise.all(windows);
  const perSecond = received / seconds;
  await Promise.all([subscriber, ...buses].map((bus) => bus.end()));
  return perSecond;
}

async function flood(bus: Bus, device: string, endMs: number): Promise<void> {
  const topic = topicOf({ device, channel: 'telemetry' });
  for (let seq = 0; performance.now() < endMs; seq += 1) {
    const payload = encodeMessage(loadDocument(device, seq));
    await bus.publish(topic, payload, { qos: 1 });
  }
}

/** The broker may still be starting. */
async function connected(url: string, clientId: string, onMessage: () => void): Promise<Bus> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await connectMqtt({ url, clientId, onMessage });
    } catch (thrown) {
      if (attempt >= 20) throw thrown;
      await pause(100);
    }
  }
}
