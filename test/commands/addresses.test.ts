/** Addresses as people write them, and what stands between here and a controller. */
import { createServer } from 'node:http';
import test from 'ava';
import { identify } from '../../agent/enrol.ts';
import { agentSettings } from '../../agent/settings.ts';
import { readSettings } from '../../controller/settings.ts';
import { startTestController } from '../support/controller.ts';
import { fettle, temporaryFolder } from '../support/fettle.ts';
import { startGateway } from '../support/gateway.ts';
import { listenUntilEnd } from '../support/ports.ts';

const { signal } = new AbortController();

test('an address that cannot be one is a bad setting that says how to write it', async (t) => {
  const bad = {
    broker: ['127.0.0.1:1883', 'mqtt://u:pa#ss@host', 'mqtt://u:1#2@host', 'mqtt://u:1/2@host'],
    deviceBroker: ['http://host', 'mqtt://', 'mqtt://u:100%@host'],
    database: ['fleet.db', 'postgres://u:1#2@host/fleet'],
  };
  for (const [name, addresses] of Object.entries(bad)) {
    for (const given of addresses) {
      const thrown = t.throws(() => readSettings({ [name]: given }), { code: 'BAD_SETTING' });
      t.regex(thrown?.message ?? '', /# is written %23/, given);
    }
  }
  t.notThrows(() => readSettings({ broker: 'mqtt://u:pa%23ss@host:1883' }));
  t.notThrows(() => readSettings({ database: 'postgresql:///fleet?host=/run/postgresql' }));
  const home = temporaryFolder(t);
  const run = await fettle(['controller', '--data', home, '--broker', '127.0.0.1:1883'], { home });
  t.is(run.code, 1);
  t.regex(run.stderr, /--broker: expected an address such as mqtt:/);
});

test('a controller behind a path is spoken to there', async (t) => {
  const test = await startTestController(t);
  const gateway = await startGateway(t, { to: test.controller.url, path: '/fettle' });
  const home = temporaryFolder(t);
  const { adminToken } = test.controller;
  const login = await fettle(['login', `${gateway.url}/`, '--token', adminToken], { home });
  t.is(login.code, 0, login.stderr);
  const token = await test.enrolmentToken();
  const settings = { controller: gateway.url, token, dataFolder: temporaryFolder(t) };
  await identify(agentSettings({ ...settings, device: 'pi' }), signal);
  const devices = await fettle(['devices'], { home });
  t.regex(devices.stdout, /\bpi\b/);
  t.true(gateway.asked.every((path) => path.startsWith('/fettle/')));
});

test('words of something between are not taken for the controller’s', async (t) => {
  for (const status of [502, 200]) {
    const between = createServer((_request, response) => {
      response.writeHead(status, { 'content-type': 'text/html' }).end('<h1>Sign in</h1>');
    });
    const controller = await listenUntilEnd(t, between);
    const given = { controller, token: 'fte_x', device: 'pi', dataFolder: temporaryFolder(t) };
    const enrolling = identify(agentSettings(given), signal);
    const expected = { code: 'CONTROLLER_UNREACHABLE', message: /something between/ };
    await t.throwsAsync(enrolling, expected);
    const home = temporaryFolder(t);
    const run = await fettle(['devices', '--controller', controller, '--token', 'x'], { home });
    t.is(run.code, 1);
    t.regex(run.stderr, new RegExp(`something between here and there answered ${status}`));
  }
});
