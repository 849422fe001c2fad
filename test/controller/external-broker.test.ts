/** A broker of somebody else, which forgets everything when it restarts. */
import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';
import { type Broker, startBroker } from '../../controller/broker.ts';
import { DeviceDetail } from '../../shared/protocol/api.ts';
import { RolloutRecord } from '../../shared/protocol/rollouts.ts';
import { startTestController } from '../support/controller.ts';
import { startDevice } from '../support/device.ts';
import { temporaryFolder } from '../support/fettle.ts';
import { pushTiny } from '../support/push.ts';
import { until } from '../support/until.ts';

/** Everybody may do everything: the access list of such a broker is its owner's. */
async function open(t: ExecutionContext, port = 0): Promise<Broker> {
  const broker = await startBroker({
    host: '127.0.0.1',
    port,
    log: pino({ level: 'silent' }),
    authenticate: () => ({ role: 'controller' }),
    onViolation: () => {},
  });
  t.teardown(() => broker.stop());
  return broker;
}

test('devices are told of it, and goals come back when it forgets them', async (t) => {
  const first = await open(t);
  const broker = `mqtt://us:secret@127.0.0.1:${first.port}`;
  const deviceBroker = `mqtt://them:pass%20word@127.0.0.1:${first.port}`;
  const test = await startTestController(t, { broker, deviceBroker });
  await pushTiny(test, temporaryFolder(t));
  const { url } = test.controller;
  const token = await test.enrolmentToken(2);
  const a = await startDevice(t, { url, token, name: 'a' });
  t.like(a.enrolment.mqtt, {
    url: `mqtt://127.0.0.1:${first.port}`,
    username: 'them',
    password: 'pass word',
  });
  const body = { model: 'tiny', soakSeconds: 0, waves: [{ percent: 100 }] };
  const path = '/api/v1/rollouts';
  await test.client.call(RolloutRecord, path, { method: 'POST', body });
  await a.goal(1);
  await a.end();
  await first.stop();
  await open(t, first.port);
  // It comes back with an empty memory, to a broker with an empty memory.
  const back = await startDevice(t, { url, token, name: 'a' });
  t.is((await back.goal(1)).model?.name, 'tiny');
  await until('its report', async () => {
    const { reported } = await test.client.call(DeviceDetail, '/api/v1/devices/a');
    return reported?.state === 'serving';
  });
});

test('the controller says that it is without its broker, and recovers', async (t) => {
  const first = await open(t);
  const test = await startTestController(t, { broker: `mqtt://127.0.0.1:${first.port}` });
  const health = async () => (await fetch(`${test.controller.url}/health`)).status;
  t.is(await health(), 200);
  await first.stop();
  await until('degraded', async () => (await health()) === 503);
  await open(t, first.port);
  await until('well again', async () => (await health()) === 200);
  t.pass();
});
