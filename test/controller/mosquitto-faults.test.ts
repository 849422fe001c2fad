/** Mosquitto over TLS with an authority of one's own, and one that forgets everything. */
import test from 'ava';
import { startAgent } from '../../agent/main.ts';
import { agentSettings } from '../../agent/settings.ts';
import { DeviceDetail } from '../../shared/protocol/api.ts';
import { RolloutRecord } from '../../shared/protocol/rollouts.ts';
import { makeCertificates } from '../support/certificates.ts';
import { startTestController } from '../support/controller.ts';
import { startDevice } from '../support/device.ts';
import { profileOf } from '../support/documents.ts';
import { temporaryFolder } from '../support/fettle.ts';
import { startMosquitto } from '../support/mosquitto.ts';
import { programOrSkip } from '../support/programs.ts';
import { pushTiny } from '../support/push.ts';
import { until } from '../support/until.ts';

const accounts = { controller: 'c-secret', devices: 'd-secret' };
const access = 'user controller\ntopic readwrite #\nuser devices\ntopic readwrite #\n';

test('an agent and a controller meet over TLS, with certificates of their own', async (t) => {
  const program = programOrSkip(t, 'mosquitto');
  const openssl = programOrSkip(t, 'openssl');
  if (!program || !openssl) return;
  const tls = makeCertificates(openssl, temporaryFolder(t));
  const options = { folder: temporaryFolder(t), accounts, access, tls };
  const { port } = await startMosquitto(t, program, options);
  const at = (name: 'controller' | 'devices') =>
    `mqtts://${name}:${accounts[name]}@127.0.0.1:${port}`;
  const { ca, client } = tls;
  const broker = { broker: at('controller'), deviceBroker: at('devices') };
  await t.throwsAsync(startTestController(t, broker), {
    code: 'BROKER_REFUSED',
    message: /self-signed certificate/,
  });
  const files = { brokerCa: ca, brokerCert: client.cert, brokerKey: client.key };
  const controller = await startTestController(t, { ...broker, ...files });
  const settings = agentSettings({
    ...{ device: 'pi-1', controller: controller.controller.url, httpPort: 0 },
    token: await controller.enrolmentToken(),
    dataFolder: temporaryFolder(t),
    mqttTls: { ca, ...client },
  });
  const { signal } = new AbortController();
  const agent = await startAgent({ settings, signal, log() {}, profile: profileOf('pi-1') });
  t.teardown(() => agent.stop());
  await until('it is online', async () => {
    const { online, reported } = await controller.client.call(DeviceDetail, '/api/v1/devices/pi-1');
    return online && reported?.state === 'idle';
  });
  t.pass();
});

test('a Mosquitto that comes back with an empty memory is told everything again', async (t) => {
  const program = programOrSkip(t, 'mosquitto');
  if (!program) return;
  const options = { folder: temporaryFolder(t), accounts, access };
  const first = await startMosquitto(t, program, options);
  const at = (name: 'controller' | 'devices') =>
    `mqtt://${name}:${accounts[name]}@127.0.0.1:${first.port}`;
  const broker = { broker: at('controller'), deviceBroker: at('devices') };
  const controller = await startTestController(t, broker);
  await pushTiny(controller, temporaryFolder(t));
  const { url } = controller.controller;
  const token = await controller.enrolmentToken(2);
  const a = await startDevice(t, { url, token, name: 'a' });
  const body = { model: 'tiny', soakSeconds: 0, waves: [{ percent: 100 }] };
  await controller.client.call(RolloutRecord, '/api/v1/rollouts', { method: 'POST', body });
  await a.goal(1);
  await a.end();
  await first.kill();
  await startMosquitto(t, program, { ...options, folder: temporaryFolder(t), port: first.port });
  const back = await startDevice(t, { url, token, name: 'a' });
  t.is((await back.goal(1)).model?.name, 'tiny');
});
