import test from 'ava';
import { DeviceDetail } from '../../shared/protocol/api.ts';
import { startTestController } from '../support/controller.ts';
import { startDevice } from '../support/device.ts';
import { windowOf } from '../support/documents.ts';
import { until } from '../support/until.ts';

test('when a device was last seen, and what it sent long ago, after a restart', async (t) => {
  const test = await startTestController(t, { retentionHours: 1 });
  const { url } = test.controller;
  const token = await test.enrolmentToken();
  const device = await startDevice(t, { url, token, name: 'pi-1', behaviour: 'manual' });
  const old = new Date(Date.now() - 2 * 3_600_000);
  const windows = [windowOf(0, old), windowOf(1)];
  const batch = { v: 1, device: 'pi-1', spool: 'a', dropped: 0, windows };
  await device.send('telemetry', batch);
  await until('acknowledged', () => device.acks.some(({ telemetry }) => telemetry?.seq === 1));
  await device.end();
  // Stopping does the housekeeping once more.
  const again = await test.restart();
  const detail = await again.client.call(DeviceDetail, '/api/v1/devices/pi-1');
  t.truthy(detail.lastSeen);
  t.deepEqual(
    detail.windows.map(({ seq }) => seq),
    [1],
  );
  const back = await startDevice(t, {
    ...{ url, token: await again.enrolmentToken(), name: 'pi-1' },
    behaviour: 'manual',
  });
  await back.send('telemetry', batch);
  await until('acknowledged', () => back.acks.some(({ telemetry }) => telemetry?.seq === 1));
  const metrics = await (await fetch(`${url}/metrics`)).text();
  t.regex(metrics, /fettle_ingest_windows_total 0\n/, 'what was collected is not counted again');
});
