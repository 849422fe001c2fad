import { stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { pino } from 'pino';
import * as v from 'valibot';
import { startController } from '../../controller/main.ts';
import { readSettings } from '../../controller/settings.ts';
import { FettleError } from '../../shared/errors.ts';
import { createHttpClient } from '../../shared/http-client.ts';
import { DeviceDetail, DeviceSummary } from '../../shared/protocol/api.ts';
import { startTestController } from '../support/controller.ts';
import { connectDevice, enrolDevice, startDevice } from '../support/device.ts';
import { temporaryFolder } from '../support/fettle.ts';
import { until } from '../support/until.ts';

const Devices = v.object({ items: v.array(DeviceSummary), next: v.nullable(v.string()) });
const silent = pino({ level: 'silent' });

test('a device enrols, is seen, and is known again after a restart', async (t) => {
  const first = await startTestController(t);
  const { url } = first.controller;
  const token = await first.enrolmentToken();
  const device = await startDevice(t, { url, token, name: 'pi-1', labels: { room: 'lab' } });
  const seen = async () => (await first.client.call(Devices, '/api/v1/devices')).items[0];
  const online = await until('the device online', async () => {
    const summary = await seen();
    return summary?.online && summary.hardwareClass ? summary : null;
  });
  t.deepEqual(online.labels, { room: 'lab' });
  t.is(online.processor, 'Test processor');

  const second = await first.restart();
  t.is(second.controller.url, url);
  t.is(second.controller.adminToken, first.controller.adminToken);
  const detail = await until('the device back', async () => {
    const found = await second.client.call(DeviceDetail, '/api/v1/devices/pi-1');
    return found.online ? found : null;
  });
  t.is(detail.profile?.hardwareClass, 'x64-test');
  await t.notThrowsAsync(device.client.call(v.unknown(), '/api/v1/session'), 'its token is good');
});

test('enrolment tokens end: by uses, by time, and unknown ones were never good', async (t) => {
  const { controller, client, enrolmentToken } = await startTestController(t);
  const { url } = controller;
  const token = await enrolmentToken(1);
  await enrolDevice({ url, token, name: 'one' });
  const refused = { instanceOf: FettleError, code: 'ENROLMENT_REFUSED' } as const;
  await t.throwsAsync(enrolDevice({ url, token, name: 'two' }), {
    ...refused,
    message: /no uses left/,
  });
  await t.throwsAsync(enrolDevice({ url, token: 'fte_guess', name: 'two' }), refused);
  const Token = v.object({ token: v.string() });
  const short = await client.call(Token, '/api/v1/enrolment-tokens', {
    method: 'POST',
    body: { expiresInSeconds: 1, maxUses: 5 },
  });
  let made = 0;
  await until('the token to expire', async () => {
    try {
      await enrolDevice({ url, token: short.token, name: `three-${made++}` });
      return false;
    } catch (thrown) {
      return thrown instanceof FettleError && /expired/.test(thrown.message);
    }
  });
  await t.throwsAsync(enrolDevice({ url, token: await enrolmentToken(), name: '../evil' }), {
    code: 'BAD_ARGUMENT',
  });
});

test('enrolling again rotates the secrets and begins the reports anew', async (t) => {
  const { controller, client, enrolmentToken } = await startTestController(t);
  const { url } = controller;
  const token = await enrolmentToken(2);
  const old = await startDevice(t, { url, token, name: 'pi-1', behaviour: 'manual' });
  await old.report('idle', { seq: 500 });
  const reported = async () =>
    (await client.call(DeviceDetail, '/api/v1/devices/pi-1')).reported?.seq;
  await until('the old report', async () => (await reported()) === 500);
  await old.end();

  const enrolment = await enrolDevice({ url, token, name: 'pi-1' });
  await t.throwsAsync(old.client.call(v.unknown(), '/api/v1/session'), { code: 'UNAUTHORIZED' });
  await t.throwsAsync(connectDevice({ url, token, name: 'pi-1' }, old.enrolment), {
    code: 'BROKER_REFUSED',
  });
  const fresh = await connectDevice({ url, token, name: 'pi-1', behaviour: 'manual' }, enrolment);
  t.teardown(() => fresh.end());
  await fresh.report('idle', { seq: 1 });
  await until('the new report', async () => (await reported()) === 1);
  t.pass();
});

test('what a role may not do is refused', async (t) => {
  const { controller, enrolmentToken } = await startTestController(t);
  const { url } = controller;
  const device = await startDevice(t, { url, token: await enrolmentToken(), name: 'pi-1' });
  const nobody = createHttpClient({ url, token: null });
  const routes = ['/api/v1/devices', '/api/v1/models', '/api/v1/rollouts', '/api/v1/events'];
  for (const path of routes) {
    await t.throwsAsync(nobody.call(v.unknown(), path), { code: 'UNAUTHORIZED' });
    await t.throwsAsync(device.client.call(v.unknown(), path), { code: 'FORBIDDEN' });
  }
  const guess = createHttpClient({ url, token: 'fta_guess' });
  await t.throwsAsync(guess.call(v.unknown(), '/api/v1/devices'), { code: 'UNAUTHORIZED' });
  await t.notThrowsAsync(nobody.call(v.unknown(), '/health'));
});

test('secrets are for their owner only', async (t) => {
  const { folder } = await startTestController(t);
  for (const name of ['admin-token', 'controller-key.pem']) {
    const { mode } = await stat(join(folder, 'secrets', name));
    t.is(mode & 0o077, 0, name);
  }
});

test('a second controller on the same folder is refused, and the first goes on', async (t) => {
  const { folder, client } = await startTestController(t);
  const settings = readSettings({ data: folder, port: 0, brokerPort: 0 });
  await t.throwsAsync(startController(settings, silent), { code: 'CONFLICT' });
  await t.notThrowsAsync(client.call(v.unknown(), '/health'));
});

test('a taken port is said with the setting that changes it', async (t) => {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : 0);
    });
  });
  t.teardown(() => server.close());
  const free = { data: temporaryFolder(t), port: 0, brokerPort: 0 };
  for (const [name, setting] of [
    ['port', '--port'],
    ['brokerPort', '--broker-port'],
  ] as const) {
    const error = await t.throwsAsync<FettleError>(
      startController(readSettings({ ...free, [name]: port }), silent),
      { code: 'PORT_IN_USE' },
    );
    t.is(error?.hint, `Choose another with ${setting}.`);
  }
  const started = await startController(readSettings(free), silent);
  t.pass('what had been started was stopped: the folder is free');
  await started.stop();
});

test('a broker that refuses the password is one clear line', async (t) => {
  const other = await startTestController(t);
  const { host } = new URL(other.controller.brokerUrl);
  const settings = { data: temporaryFolder(t), port: 0, broker: `mqtt://me:wrong@${host}` };
  const error = await t.throwsAsync<FettleError>(startController(readSettings(settings), silent), {
    code: 'BROKER_REFUSED',
  });
  t.false(error?.message.includes('wrong'), 'the password is not shown');
  t.false(error?.message.includes('\n'));
});

test('settings: unknown names and bad values are refused with what was expected', (t) => {
  t.throws(() => readSettings({ colour: 'red' }), { code: 'BAD_SETTING', message: /--colour/ });
  t.throws(() => readSettings({}, { FETTLE_CONTROLLER_PROT: '1' }), {
    code: 'BAD_SETTING',
    message: /FETTLE_CONTROLLER_PROT/,
  });
  for (const port of ['x', '-1', '65536', '', '1e9']) {
    t.throws(() => readSettings({ port }), { message: /--port.*from 0 to 65535/ });
  }
  const environment = { FETTLE_CONTROLLER_BROKER_PORT: '99', FETTLE_CONTROLLER: 'http://x' };
  t.is(readSettings({}, environment).brokerPort, 99);
  t.is(readSettings({ brokerPort: 5 }, environment).brokerPort, 5, 'a flag goes before it');
});
