/** What people change about a device that is enrolled. */
import test from 'ava';
import * as v from 'valibot';
import { DeviceDetail, DeviceSummary } from '../../shared/protocol/api.ts';
import { AuditEntry } from '../../shared/protocol/people.ts';
import { startTestController } from '../support/controller.ts';
import { startDevice } from '../support/device.ts';
import { windowOf } from '../support/documents.ts';
import { fettle, temporaryFolder } from '../support/fettle.ts';
import { pushTiny } from '../support/push.ts';
import { until } from '../support/until.ts';

const Entries = v.object({ items: v.array(AuditEntry) });

test('labels are given and taken one by one, and who did it is kept', async (t) => {
  const test = await startTestController(t);
  const { url } = test.controller;
  const token = await test.enrolmentToken();
  await startDevice(t, { url, token, name: 'pi-1', labels: { stage: 'old', room: 'lab' } });
  const path = '/api/v1/devices/pi-1/labels';
  const body = { stage: null, floor: '2' };
  const { labels } = await test.client.call(DeviceSummary, path, { method: 'PATCH', body });
  t.deepEqual(labels, { room: 'lab', floor: '2' });
  const bad = test.client.call(DeviceSummary, path, { method: 'PATCH', body: { 'A B': 'x' } });
  await t.throwsAsync(bad, { code: 'BAD_ARGUMENT' });
  const { items } = await test.client.call(Entries, '/api/v1/audit?limit=10');
  t.true(
    items.some(({ action, detail }) => action.startsWith('PATCH') && detail.includes('floor')),
  );
});

test('a device is told at once how often to send, and again with what is stored', async (t) => {
  const test = await startTestController(t);
  const { url } = test.controller;
  const token = await test.enrolmentToken();
  const device = await startDevice(t, { url, token, name: 'pi-1', behaviour: 'manual' });
  const set = (telemetrySeconds: number | null) =>
    test.client.call(v.unknown(), '/api/v1/devices/pi-1', {
      ...{ method: 'PATCH', body: { telemetrySeconds } },
    });
  await set(60);
  await until('told', () => device.acks.some((ack) => ack.telemetrySeconds === 60));
  const again = await test.restart();
  await until('back', async () => {
    return (await again.client.call(DeviceDetail, '/api/v1/devices/pi-1')).online;
  });
  const send = (seq: number) =>
    device.send('telemetry', {
      ...{ v: 1, device: 'pi-1', spool: 'a', dropped: 0, windows: [windowOf(seq)] },
    });
  await send(0);
  await until('said again', () => device.acks.some(({ telemetry }) => telemetry?.seq === 0));
  t.is(device.acks.findLast(({ telemetry }) => telemetry?.seq === 0)?.telemetrySeconds, 60);
  const client = again.client;
  const body = { telemetrySeconds: 0 };
  const bad = client.call(v.unknown(), '/api/v1/devices/pi-1', { method: 'PATCH', body });
  await t.throwsAsync(bad, { code: 'BAD_ARGUMENT' });
});

test('a device that is asked nothing shows no latency, not even of its trial', async (t) => {
  const test = await startTestController(t);
  const { url, adminToken } = test.controller;
  await pushTiny(test, temporaryFolder(t));
  const token = await test.enrolmentToken();
  const device = await startDevice(t, { url, token, name: 'pi-1' });
  const body = { model: 'tiny', soakSeconds: 0, waves: [{ percent: 100 }] };
  await test.client.call(v.unknown(), '/api/v1/rollouts', { method: 'POST', body });
  await device.goal(1);
  const windows = [windowOf(0, new Date(), 0)];
  await device.send('telemetry', { v: 1, device: 'pi-1', spool: 'a', dropped: 0, windows });
  const { recent, reported } = await until('telemetry', async () => {
    const found = await test.client.call(DeviceDetail, '/api/v1/devices/pi-1');
    return found.recent && found.reported?.serving ? found : null;
  });
  t.like(recent, { requestsPerSecond: 0, latencyMsP50: null, latencyMsP95: null });
  t.is(reported?.serving?.latencyMsP50, 1);
  const env = { FETTLE_CONTROLLER: url, FETTLE_TOKEN: adminToken };
  for (const command of ['devices', 'top']) {
    const { stdout } = await fettle([command], { home: temporaryFolder(t), env });
    const row = stdout.split('\n').find((line) => line.includes('pi-1')) ?? '';
    t.true(row.includes('tiny 1') && row.includes('–'), row);
    t.notRegex(row, /\bms\b/, command);
  }
});

test('the commands', async (t) => {
  const test = await startTestController(t);
  const { url, adminToken } = test.controller;
  const token = await test.enrolmentToken();
  await startDevice(t, { url, token, name: 'pi-1', labels: { stage: 'old' } });
  const home = temporaryFolder(t);
  const run = (...args: string[]) =>
    fettle(['device', ...args, '--controller', url, '--token', adminToken], { home });
  t.regex((await run('label', 'pi-1', 'room=lab', 'stage-')).stdout, /^pi-1: room=lab\n$/);
  const wrong = await run('label', 'pi-1', 'room');
  t.is(wrong.code, 1);
  t.regex(wrong.stderr, /expected name=value to give a label/);
  t.regex((await run('set', 'pi-1', '--telemetry-seconds', '30')).stdout, /every 30 s/);
  t.regex((await run('set', 'pi-1', '--telemetry-seconds', 'default')).stdout, /every 5 s/);
  t.regex((await run('remove', 'pi-1')).stdout, /pi-1 is removed/);
  t.is((await run('remove', 'pi-1')).code, 1);
});
