/** What a watcher is sent of many changes, over a real connection. */
import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import test, { type ExecutionContext } from 'ava';
import { streamEvents } from '../../../controller/api/events.ts';
import { createSseParser, type SseEvent } from '../../../controller/dashboard/api/sse.ts';
import { createLive, type Live } from '../../../controller/live.ts';
import type { DeviceReading } from '../../../shared/protocol/api.ts';
import { until } from '../../support/until.ts';

interface Watching {
  readonly live: Live;
  readonly events: readonly SseEvent[];
  /** Stops and goes on with reading. */
  pause(): void;
  resume(): void;
}

async function watch(t: ExecutionContext): Promise<Watching> {
  const live = createLive();
  const server = createServer((_, response) => streamEvents(response, live));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const request = get({ host: '127.0.0.1', port });
  t.teardown(() => {
    request.destroy();
    server.close();
    server.closeAllConnections();
  });
  const response = await new Promise<IncomingMessage>((resolve) =>
    request.once('response', resolve),
  );
  const events: SseEvent[] = [];
  const parse = createSseParser();
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => events.push(...parse(chunk)));
  await until('the watcher', () => live.watchers === 1);
  return { live, events, pause: () => response.pause(), resume: () => response.resume() };
}

const reading = (device: string, rate = 1): DeviceReading => ({
  device,
  lastSeen: null,
  recent: {
    requestsPerSecond: rate,
    errors: 0,
    latencyMsP50: 1,
    latencyMsP95: 2,
    memoryMiB: 80,
    cores: 1,
    temperatureC: null,
  },
});

function readingsOf(events: readonly SseEvent[]): DeviceReading[] {
  return events.flatMap(({ name, data }) => (name === 'reading' ? JSON.parse(data) : []));
}

test('many changes come as few events, in their order', async (t) => {
  const { live, events } = await watch(t);
  const names = Array.from({ length: 1000 }, (_, index) => `node-${index}`);
  for (const name of names) live.publish('reading', name, () => reading(name));
  await until('all of them', () => readingsOf(events).length >= names.length);
  t.deepEqual(
    readingsOf(events).map(({ device }) => device),
    names,
  );
  t.true(events.length <= 20, `${events.length} events`);
});

test('what changed again meanwhile is sent once, as it is', async (t) => {
  const { live, events } = await watch(t);
  for (let rate = 1; rate <= 500; rate += 1) {
    live.publish('reading', 'node-1', () => reading('node-1', rate));
  }
  live.publish('reading', 'last', () => reading('last'));
  await until('the last', () => readingsOf(events).some(({ device }) => device === 'last'));
  t.deepEqual(
    readingsOf(events).map(({ device, recent }) => [device, recent?.requestsPerSecond]),
    [
      ['node-1', 500],
      ['last', 1],
    ],
  );
});

test('a watcher that does not read costs no more than there are devices', async (t) => {
  const { live, events, pause, resume } = await watch(t);
  pause();
  const devices = Array.from({ length: 2000 }, (_, index) => `node-${index}`);
  const rounds = 50;
  for (let round = 1; round <= rounds; round += 1) {
    for (const name of devices) live.publish('reading', name, () => reading(name, round));
    // Time for the connection to take what it can.
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  resume();
  const newest = () =>
    new Map(readingsOf(events).map(({ device, recent }) => [device, recent?.requestsPerSecond]));
  await until('the newest of every device', () => {
    const held = newest();
    return devices.every((name) => held.get(name) === rounds);
  });
  const sent = readingsOf(events).length;
  t.true(sent < (devices.length * rounds) / 2, `${sent} of ${devices.length * rounds} were sent`);
});
