import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { DeviceDetail } from '../../shared/protocol/api.ts';
import { startTestController } from '../support/controller.ts';
import { startDevice } from '../support/device.ts';
import { windowOf } from '../support/documents.ts';
import { tmpfsOrSkip } from '../support/tmpfs.ts';
import { until } from '../support/until.ts';

test('a full disk acknowledges nothing and loses nothing; with room all goes on', async (t) => {
  const folder = tmpfsOrSkip(t, 24);
  if (folder === null) return;
  const test = await startTestController(t, { data: folder });
  const { url } = test.controller;
  const token = await test.enrolmentToken();
  const device = await startDevice(t, { url, token, name: 'pi-1', behaviour: 'manual' });
  await until('the device', async () => (await detail()).hardwareClass);
  const ballast = join(folder, 'ballast');
  await fill(ballast);
  const batch = (from: number) => {
    const windows = Array.from({ length: 200 }, (_, index) => windowOf(from + index));
    return { v: 1, device: 'pi-1', spool: 'a', dropped: 0, windows };
  };
  // More than the log of the database has room for already.
  for (let from = 0; from < 2000; from += 200) await device.send('telemetry', batch(from));
  await until('a batch refused', async () => {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    return !metrics.includes('fettle_ingest_failures_total 0\n');
  });
  t.false(device.acks.some(({ telemetry }) => telemetry?.seq === 1999));
  await rm(ballast);
  // As an agent does with what was not acknowledged.
  await until(
    'everything acknowledged',
    async () => {
      for (let from = 0; from < 2000; from += 200) await device.send('telemetry', batch(from));
      return device.acks.some(({ telemetry }) => telemetry?.seq === 1999);
    },
    { everyMs: 1500, timeoutMs: 60_000 },
  );
  t.is((await detail()).windows.length, 1000);

  function detail(): Promise<DeviceDetail> {
    return test.client.call(DeviceDetail, '/api/v1/devices/pi-1');
  }
});

/** Takes all the room there is. */
async function fill(path: string): Promise<void> {
  for (let size = 24 << 20; size >= 4096; size >>= 1) {
    await writeFile(path, Buffer.alloc(size), { flag: 'a' }).catch(() => {});
  }
}
