import test from 'ava';
import { emptyHistogram, merge, quantile, record } from '../../shared/histogram.ts';
import { type DeviceDetail, TelemetryAnswer } from '../../shared/protocol/api.ts';
import { createRandom } from '../../shared/random.ts';
import { startTestController, type TestController } from '../support/controller.ts';
import { startDevice } from '../support/device.ts';
import { windowOf } from '../support/documents.ts';
import { until } from '../support/until.ts';

type Window = DeviceDetail['windows'][number];

const hourMs = 3_600_000;
const random = createRandom(7);

/** Latencies over three orders of magnitude, as slow requests among quick ones are. */
function latencies(count: number): number[] {
  return Array.from({ length: count }, () => Math.exp(3 * (random() + random() + random() - 1.5)));
}

function windowWith(seq: number, startMs: number, values: readonly number[]): Window {
  const latencyMs = emptyHistogram();
  for (const value of values) record(latencyMs, value);
  const window = windowOf(seq, new Date(startMs), 0);
  return { ...window, requests: values.length, latencyMs: { ...latencyMs } };
}

function exactQuantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(q * (sorted.length - 1))] ?? Number.NaN;
}

async function ask({ client }: TestController, fromMs: number): Promise<TelemetryAnswer> {
  const from = new Date(fromMs).toISOString();
  return await client.call(TelemetryAnswer, `/api/v1/devices/pi-1/telemetry?from=${from}`);
}

test('roll-ups count a window once, and their quantiles are within 1 % of the exact', async (t) => {
  const first = await startTestController(t);
  const { url } = first.controller;
  const options = { url, name: 'pi-1', behaviour: 'manual' } as const;
  const device = await startDevice(t, { ...options, token: await first.enrolmentToken(2) });
  const startMs = Date.now() - 6 * hourMs;
  const all = Array.from({ length: 240 }, () => latencies(25));
  const windows = all.map((values, seq) => windowWith(seq, startMs + seq * 60_000, values));
  const early = windows.filter(({ seq }) => seq % 3 !== 1);
  const late = windows.filter(({ seq }) => seq % 3 === 1);
  const batch = { v: 1, device: 'pi-1', spool: 'a', dropped: 0 };
  const stored = (count: number) =>
    until(`${count} windows`, async () =>
      (await (await fetch(`${url}/metrics`)).text()).includes(
        `fettle_ingest_windows_total ${count}\n`,
      ),
    );
  await device.send('telemetry', { ...batch, windows: early });
  await stored(early.length);
  // Stopping does the housekeeping once more: what comes late is merged into what is there.
  const second = await first.restart();
  await device.send('telemetry', { ...batch, windows: [...late, ...early] });
  await stored(late.length);
  const third = await second.restart();

  const values = all.flat();
  for (const [fromMs, step] of [
    [startMs - hourMs, 60],
    [startMs - 100 * 24 * hourMs, 3600],
  ] as const) {
    const answer = await ask(third, fromMs);
    t.is(answer.stepSeconds, step);
    const requests = answer.windows.reduce((sum, window) => sum + window.requests, 0);
    t.is(requests, values.length);
    const merged = answer.windows.map((one) => one.latencyMs).reduce(merge, emptyHistogram());
    for (const q of [0.5, 0.9, 0.95, 0.99]) {
      const exact = exactQuantile(values, q);
      t.true(Math.abs(quantile(merged, q) - exact) <= 0.0101 * exact, `${step} s, ${q}`);
    }
  }
});

test('a short stretch comes as single windows', async (t) => {
  const controller = await startTestController(t);
  const { url } = controller.controller;
  const token = await controller.enrolmentToken();
  const device = await startDevice(t, { url, token, name: 'pi-1', behaviour: 'manual' });
  const windows = [0, 1, 2].map((seq) => windowOf(seq, new Date(Date.now() - 5000 * (3 - seq))));
  await device.send('telemetry', { v: 1, device: 'pi-1', spool: 'a', dropped: 0, windows });
  await until('acknowledged', () => device.acks.some(({ telemetry }) => telemetry?.seq === 2));
  const answer = await ask(controller, Date.now() - 60_000);
  t.is(answer.stepSeconds, 5);
  t.deepEqual(
    answer.windows.map(({ seq }) => seq),
    [0, 1, 2],
  );
});
