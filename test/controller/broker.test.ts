/** What one device tries against another, and against the controller. */
import test, { type ExecutionContext } from 'ava';
import { connectMqtt } from '../../shared/mqtt.ts';
import { DeviceDetail } from '../../shared/protocol/api.ts';
import { type Channel, topicOf } from '../../shared/protocol/topics.ts';
import { startTestController, type TestController } from '../support/controller.ts';
import { type SimulatedDevice, startDevice } from '../support/device.ts';
import { profileOf, reportOf } from '../support/documents.ts';
import { until } from '../support/until.ts';

interface Scene {
  readonly test: TestController;
  readonly mallory: SimulatedDevice;
  readonly victim: SimulatedDevice;
  readonly detail: (device: string) => Promise<DeviceDetail>;
}

async function scene(t: ExecutionContext): Promise<Scene> {
  const test = await startTestController(t);
  const { url } = test.controller;
  const token = await test.enrolmentToken(2);
  const victim = await startDevice(t, { url, token, name: 'victim', behaviour: 'manual' });
  const mallory = await startDevice(t, { url, token, name: 'mallory', behaviour: 'manual' });
  const detail = (device: string) => test.client.call(DeviceDetail, `/api/v1/devices/${device}`);
  await until('both seen', async () => (await detail('victim')).online);
  return { test, mallory, victim, detail };
}

/** A second connection of mallory, with a client id of her choice. */
function connectAs(mallory: SimulatedDevice, clientId: string, received: string[] = []) {
  const { url, username, password } = mallory.enrolment.mqtt;
  return connectMqtt({
    ...{ url, username, password, clientId },
    onMessage: (topic) => received.push(topic),
  });
}

const forged: readonly (readonly [Channel, object])[] = [
  ['reported', reportOf(null, { device: 'victim', seq: 9999, state: 'failed' })],
  ['profile', profileOf('victim', 'forged-class')],
  ['presence', { v: 1, device: 'victim', online: false, boot: 'x' }],
  ['desired', { v: 1, device: 'victim', revision: 999 }],
];

test('no device publishes for another, and trying is recorded', async (t) => {
  const { mallory, victim, detail } = await scene(t);
  for (const [channel, document] of forged) {
    const bus = await connectAs(mallory, 'mallory:attack');
    const topic = topicOf({ device: 'victim', channel });
    // The broker ends the connection; whether the publication counts as sent is of no interest.
    bus.publish(topic, JSON.stringify(document), { qos: 1, retain: true }).catch(() => {});
    const mark = `publishing on ${topic}`;
    await until(`the attempt on ${channel} recorded`, async () =>
      (await detail('mallory')).events.some(({ message }) => message.includes(mark)),
    );
    await bus.end();
  }
  await victim.report('idle');
  const after = await until('the true report', async () => {
    const found = await detail('victim');
    return found.reported ? found : null;
  });
  t.is(after.reported?.seq, 1);
  t.is(after.hardwareClass, 'x64-test');
  t.true(after.online);
  t.deepEqual(victim.desired, []);
});

test('no device writes its own goal', async (t) => {
  const { mallory, detail } = await scene(t);
  const bus = await connectAs(mallory, 'mallory:goal');
  const topic = topicOf({ device: 'mallory', channel: 'desired' });
  bus.publish(topic, '{}', { qos: 1, retain: true }).catch(() => {});
  await until('the attempt recorded', async () =>
    (await detail('mallory')).events.some(({ code }) => code === 'FORBIDDEN'),
  );
  await bus.end();
  t.is((await detail('mallory')).desired, null);
});

for (const topic of [
  '#',
  '+/#',
  'fettle/#',
  'fettle/v1/+/desired',
  'fettle/v1/+/reported',
  'fettle/v1/victim/desired',
  'fettle/v1/victim/#',
  'fettle/v1/mallory/#',
  'fettle/v1/mallory/+',
  '$SYS/#',
  '$share/group/fettle/v1/victim/desired',
]) {
  test(`no device listens to ${topic}`, async (t) => {
    const { mallory } = await scene(t);
    const bus = await connectAs(mallory, 'mallory:listen');
    await t.throwsAsync(bus.subscribe([topic], 1), { code: 'BROKER_REFUSED' });
    await bus.end();
  });
}

test('a client id of another device is refused, so that nobody is pushed off', async (t) => {
  const { mallory, victim } = await scene(t);
  await t.throwsAsync(connectAs(mallory, 'victim'), { code: 'BROKER_REFUSED' });
  await t.throwsAsync(connectAs(mallory, 'victim:2'), { code: 'BROKER_REFUSED' });
  t.true(victim.bus.connected);
});

test('a will on the topic of another device is never published', async (t) => {
  const { mallory, detail } = await scene(t);
  const { url, username, password } = mallory.enrolment.mqtt;
  const topic = topicOf({ device: 'victim', channel: 'presence' });
  const payload = JSON.stringify({ v: 1, device: 'victim', online: false, boot: 'x' });
  const bus = await connectMqtt({
    ...{ url, username, password, clientId: 'mallory:will' },
    will: { topic, payload, qos: 1, retain: true },
    onMessage: () => {},
  });
  // A forbidden publication ends the connection without a goodbye: the will is due.
  bus.publish('fettle/v1/victim/event', '{}', { qos: 1 }).catch(() => {});
  await until('the will tried and refused', async () =>
    (await detail('mallory')).events.some(({ message }) => message.includes(topic)),
  );
  await bus.end();
  t.true((await detail('victim')).online);
});

test('wrong passwords, and accounts of others, do not connect', async (t) => {
  const { test, mallory, victim } = await scene(t);
  const { url } = mallory.enrolment.mqtt;
  const attempts = [
    { username: 'victim', password: mallory.enrolment.mqtt.password, clientId: 'victim' },
    { username: 'victim', password: victim.enrolment.deviceToken, clientId: 'victim' },
    { username: ':controller', password: '', clientId: 'x' },
    { username: ':admin', password: 'guess', clientId: 'x' },
    { clientId: 'anonymous' },
  ];
  for (const attempt of attempts) {
    const connecting = connectMqtt({ url, ...attempt, onMessage: () => {} });
    await t.throwsAsync(connecting, { code: 'BROKER_REFUSED' });
  }
  const admin = await connectMqtt({
    ...{ url, username: ':admin', password: test.controller.adminToken, clientId: 'tool' },
    onMessage: () => {},
  });
  await t.notThrowsAsync(admin.subscribe(['fettle/v1/#'], 1), 'the administrator may look');
  await admin.end();
});
