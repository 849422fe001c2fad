/** Who may have a name: one machine at a time, and after it nobody who only holds an old token. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import * as v from 'valibot';
import { awaitIdentity, identify } from '../../agent/enrol.ts';
import { type AgentInput, agentSettings } from '../../agent/settings.ts';
import { FettleError } from '../../shared/errors.ts';
import { connectMqtt } from '../../shared/mqtt.ts';
import { DeviceDetail } from '../../shared/protocol/api.ts';
import { topicOf } from '../../shared/protocol/topics.ts';
import { startTestController, type TestController } from '../support/controller.ts';
import { enrolDevice, keyOf, startDevice } from '../support/device.ts';
import { profileOf } from '../support/documents.ts';
import { fettle, temporaryFolder } from '../support/fettle.ts';
import { startGateway } from '../support/gateway.ts';
import { until } from '../support/until.ts';

const { signal } = new AbortController();
const Token = v.object({ token: v.string() });

function machine(test: TestController, token: string, input: AgentInput) {
  const { url: controller } = test.controller;
  return identify(agentSettings({ controller, token, ...input }), signal);
}

function detail({ client }: TestController, device: string): Promise<DeviceDetail> {
  return client.call(DeviceDetail, `/api/v1/devices/${device}`);
}

function eventOf(test: TestController, device: string, code: string) {
  return until(`${code} of ${device}`, async () => {
    const { events } = await detail(test, device);
    return events.find((event) => event.code === code);
  });
}

test('a second machine of a name is refused, told another, and both devices say so', async (t) => {
  const test = await startTestController(t);
  const token = await test.enrolmentToken(9);
  const first = await machine(test, token, { device: 'pi', dataFolder: temporaryFolder(t) });
  const named = machine(test, token, { device: 'pi', dataFolder: temporaryFolder(t) });
  const refusal = await t.throwsAsync(named, { code: 'NAME_TAKEN', instanceOf: FettleError });
  t.regex(refusal?.hint ?? '', /--name pi-[0-9a-f]{6}.*fettle device token --replace pi/);
  const { message } = await eventOf(test, 'pi', 'NAME_TAKEN');
  t.regex(message, /another machine asked to enrol under this name and was told pi-/);
  // The first one is not touched.
  const { url } = test.controller;
  const answer = await fetch(`${url}/api/v1/broker`, {
    headers: { authorization: `Bearer ${first.deviceToken}` },
  });
  t.is(answer.status, 200);
});

test('a device is called as its host, and more where that is taken', async (t) => {
  const test = await startTestController(t);
  const token = await test.enrolmentToken(9);
  const names: string[] = [];
  for (const dataFolder of [1, 2, 3].map(() => temporaryFolder(t))) {
    names.push((await machine(test, token, { dataFolder })).device);
  }
  const [plain = '', marked = '', third = ''] = names;
  t.regex(marked, new RegExp(`^${plain.slice(0, 57)}-[0-9a-f]{6}$`));
  // The same system once more, as a copied disk image is.
  t.is(third, `${plain}-2`);
  const { message } = await eventOf(test, marked, 'ENROLLED');
  t.regex(message, new RegExp(`not as ${plain}, which is another machine's name`));
});

test('a token made to replace a device gives its name to another machine', async (t) => {
  const test = await startTestController(t);
  const token = await test.enrolmentToken(2);
  const old = await machine(test, token, { device: 'pi', dataFolder: temporaryFolder(t) });
  const home = temporaryFolder(t);
  const { url, adminToken } = test.controller;
  const args = ['device', 'token', '--replace', 'pi', '--controller', url, '--token', adminToken];
  const made = await fettle([...args, '--json'], { home });
  const given = v.parse(Token, JSON.parse(made.stdout)).token;
  const other = machine(test, given, { device: 'pi-2', dataFolder: temporaryFolder(t) });
  await t.throwsAsync(other, { code: 'ENROLMENT_REFUSED', message: /for pi alone/ });
  const fresh = await machine(test, given, { device: 'pi', dataFolder: temporaryFolder(t) });
  t.not(fresh.deviceToken, old.deviceToken);
  const { message, level } = await eventOf(test, 'pi', 'ENROLLED');
  t.is(level, 'warn');
  t.regex(message, /another machine has taken its place/);
});

test('a lost answer costs no second use, and is asked for again', async (t) => {
  const test = await startTestController(t);
  const token = await test.enrolmentToken();
  const cut = await startGateway(t, {
    to: test.controller.url,
    cut: { path: '/api/v1/enrol', answers: 2 },
  });
  const settings = agentSettings({
    ...{ device: 'pi', controller: cut.url, token, dataFolder: temporaryFolder(t) },
  });
  const waits: string[] = [];
  const identity = await awaitIdentity(settings, signal, {
    attemptsMax: 5,
    onWait: ({ code }) => waits.push(code),
  });
  t.deepEqual(waits, ['CONTROLLER_UNREACHABLE', 'CONTROLLER_UNREACHABLE']);
  t.is(identity.device, 'pi');
  const stranger = machine(test, token, { device: 'other', dataFolder: temporaryFolder(t) });
  await t.throwsAsync(stranger, { message: /no uses left/ });
});

test('the machine itself enrols again without a token that is good', async (t) => {
  const test = await startTestController(t);
  const token = await test.enrolmentToken();
  const dataFolder = temporaryFolder(t);
  const first = await machine(test, token, { device: 'pi', dataFolder });
  const again = await machine(test, token, { device: 'pi', dataFolder, reenrol: true });
  t.not(again.deviceToken, first.deviceToken);
  const known = await machine(test, token, { dataFolder });
  t.is(known.device, 'pi', 'whatever the host is called');
  const key = readFileSync(join(dataFolder, 'machine-key'), 'utf8');
  t.true(readdirSync(dataFolder).includes('identity.json'));
  const { url } = test.controller;
  const spent = { url, token, name: 'pi', key };
  t.is((await enrolDevice(spent)).device, 'pi');
});

test('labels that a person gave survive enrolling again, and what differs is said', async (t) => {
  const test = await startTestController(t);
  const { url, adminToken } = test.controller;
  const token = await test.enrolmentToken(2);
  const labels = { g: 'a', room: 'lab' };
  await enrolDevice({ url, token, name: 'pi', labels });
  const home = temporaryFolder(t);
  const access = ['--controller', url, '--token', adminToken];
  await fettle(['device', 'label', 'pi', 'g=b', 'tier=gold', 'room-', ...access], { home });
  const mine = { g: 'b', tier: 'gold' };
  t.deepEqual((await detail(test, 'pi')).labels, mine);
  await enrolDevice({ url, token, name: 'pi', labels });
  t.deepEqual((await detail(test, 'pi')).labels, mine);
  const { message } = await eventOf(test, 'pi', 'ENROLLED');
  t.regex(message, /g=b stays, as a person set it, where it brings g=a/);
  t.regex(message, /the label room stays away/);
  const again = await test.restart();
  t.deepEqual((await detail(again, 'pi')).labels, mine);
  // Taken back by the person, it is what the device says.
  await fettle(['device', 'label', 'pi', 'g-', ...access], { home });
  t.deepEqual((await detail(again, 'pi')).labels, { tier: 'gold' });
});

test('what a device says of its labels holds over what it said when it enrolled', async (t) => {
  const test = await startTestController(t);
  const { url } = test.controller;
  const token = await test.enrolmentToken(2);
  const device = await startDevice(t, { url, token, name: 'pi', labels: { g: 'old' } });
  await until('its first', async () => (await detail(test, 'pi')).hardwareClass !== null);
  await device.send('profile', { ...profileOf('pi'), labels: { g: 'new' } });
  await until('its profile', async () => (await detail(test, 'pi')).labels.g === 'new');
  t.deepEqual((await detail(test, 'pi')).labels, { g: 'new' });
});

test('a removed device does not come back with an old token', async (t) => {
  const test = await startTestController(t);
  const { url } = test.controller;
  const token = await test.enrolmentToken(9);
  const old = await removed(t, test, token);
  const back = enrolDevice({ url, token, name: 'pi' });
  await t.throwsAsync(back, { code: 'ENROLMENT_REFUSED', message: /pi was removed .* at 20/ });
  const keyless = enrolDevice({ url, token, name: 'pi', key: keyOf('another machine') });
  await t.throwsAsync(keyless, { code: 'ENROLMENT_REFUSED' });
  await t.throwsAsync(old.client.call(v.unknown(), '/api/v1/broker'), { code: 'UNAUTHORIZED' });
  const options = { url, token: await test.enrolmentToken(), name: 'pi' };
  const fresh = await startDevice(t, { ...options, behaviour: 'manual' });
  await fresh.report('idle', { seq: 1 });
  await until('its report', async () => (await detail(test, 'pi')).reported?.seq === 1);
  t.is(fresh.desired.length, 0);
  t.deepEqual((await detail(test, 'pi')).windows, []);
});

/** A device with a goal, and a message that waits in its session, taken out of the fleet. */
async function removed(t: ExecutionContext, test: TestController, token: string) {
  const { url, adminToken } = test.controller;
  const old = await startDevice(t, { url, token, name: 'pi', behaviour: 'manual' });
  await until('here', async () => (await detail(test, 'pi')).online);
  const home = temporaryFolder(t);
  const run = (...args: string[]) =>
    fettle(['device', 'remove', 'pi', '--controller', url, '--token', adminToken, ...args], {
      home,
    });
  const dry = await run('--dry-run');
  t.regex(dry.stdout, /pi would be removed:/);
  t.true((await detail(test, 'pi')).online);
  const told = await run();
  t.regex(told.stdout, /pi is removed:\n.*secrets are void/);
  t.regex(told.stdout, /No token made before brings it back/);
  await until('thrown off', () => !old.bus.connected);
  return old;
}

test('what waited at the broker for a removed device is not for the next one', async (t) => {
  const test = await startTestController(t);
  const { url } = test.controller;
  const path = '/api/v1/devices/pi';
  const received: string[] = [];
  const connect = async (token: string) => {
    const { mqtt } = await enrolDevice({ url, token, name: 'pi' });
    const bus = await connectMqtt({
      ...{ url: mqtt.url, username: mqtt.username, password: mqtt.password },
      ...{ clientId: 'pi', clean: false, onMessage: (topic) => received.push(topic) },
    });
    t.teardown(() => bus.end());
    return bus;
  };
  const old = await connect(await test.enrolmentToken());
  await old.subscribe([topicOf({ device: 'pi', channel: 'ack' })], 1);
  await old.end();
  const body = { telemetrySeconds: 60 };
  await test.client.call(v.unknown(), path, { method: 'PATCH', body });
  await test.client.call(v.unknown(), path, { method: 'DELETE' });
  const next = await connect(await test.enrolmentToken());
  await next.subscribe([topicOf({ device: 'pi', channel: 'ack' })], 1);
  await test.client.call(v.unknown(), path, { method: 'PATCH', body });
  await until('what is its own', () => received.length > 0);
  t.is(received.length, 1);
});
