/** Controllers and brokers behind private authorities, WebSockets and proxies. */
import { readFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { DeviceDetail } from '../../shared/protocol/api.ts';
import { makeCertificates } from '../support/certificates.ts';
import { startTestController, type TestController } from '../support/controller.ts';
import { fettle, startFettle, temporaryFolder } from '../support/fettle.ts';
import { startForwardProxy } from '../support/forward-proxy.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { startMosquitto } from '../support/mosquitto.ts';
import { programOrSkip } from '../support/programs.ts';
import { until } from '../support/until.ts';

const accounts = { controller: 'c-secret', devices: 'd-secret' };
const access = 'user controller\ntopic readwrite #\nuser devices\ntopic readwrite #\n';

interface Site {
  readonly ca: string;
  readonly test: TestController;
  /** The controller at https. */
  readonly front: Gateway;
  /** Mosquitto's WebSockets at wss. */
  readonly bus: Gateway;
}

/** null where a program is absent. Devices know the broker's host by the name. */
async function startSite(t: ExecutionContext, host: string): Promise<Site | null> {
  const program = programOrSkip(t, 'mosquitto');
  const openssl = programOrSkip(t, 'openssl');
  if (!program || !openssl) return null;
  const { ca, server } = makeCertificates(openssl, temporaryFolder(t));
  const tls = { cert: readFileSync(server.cert), key: readFileSync(server.key) };
  const options = { folder: temporaryFolder(t), accounts, access, webSockets: true };
  const { url, port } = await startMosquitto(t, program, options);
  const bus = await startGateway(t, { to: url.replace('ws:', 'http:'), path: '/mqtt', tls });
  const broker = `ws://controller:${accounts.controller}@127.0.0.1:${port}`;
  const shared = `devices:${accounts.devices}`;
  const deviceBroker = `wss://${shared}@${host}:${new URL(bus.url).port}/mqtt`;
  const test = await startTestController(t, { broker, deviceBroker });
  const front = await startGateway(t, { to: test.controller.url, tls });
  return { ca, test, front, bus };
}

test('a private authority vouches for the controller, and for a broker at wss', async (t) => {
  t.timeout(300_000);
  const site = await startSite(t, '127.0.0.1');
  if (!site) return;
  const { ca, test, front, bus } = site;
  const home = temporaryFolder(t);
  const token = test.controller.adminToken;
  const login = ['login', front.url, '--token', token];
  const strange = await fettle(login, { home });
  t.is(strange.code, 1);
  t.regex(strange.stderr, /certificate/);
  const known = await fettle([...login, '--controller-ca', ca], { home });
  t.is(known.code, 0, known.stderr);
  const remembered = await fettle(['devices'], { home });
  t.is(remembered.code, 0, remembered.stderr);
  await runsAgent(t, site, { controller: front.url, env: { FETTLE_CONTROLLER_CA: ca } });
  t.true(bus.asked.every((path) => path === '/mqtt'));
  const wrong = await fettle(['devices', '--controller-ca', import.meta.filename], { home });
  t.regex(wrong.stderr, /holds no certificate in PEM/);
});

test('the proxy of the environment passes HTTP, HTTPS and a broker at wss', async (t) => {
  t.timeout(300_000);
  const site = await startSite(t, 'broker.example');
  if (!site) return;
  const { ca, test, front, bus } = site;
  const proxy = await startForwardProxy(t);
  const [plain, secure, broker] = [test.controller.url, front.url, bus.url].map(
    (url) => new URL(url).port,
  );
  const devices = (url: string, env: Record<string, string>) => {
    const args = ['devices', '--controller', url, '--token', test.controller.adminToken];
    return fettle(args, { home: temporaryFolder(t), env: { FETTLE_CONTROLLER_CA: ca, ...env } });
  };
  const http = `http://controller.example:${plain}`;
  const asked = await devices(http, { http_proxy: proxy.url });
  t.is(asked.code, 0, asked.stderr);
  t.true(proxy.asked.every((line) => line.startsWith(`GET ${http}/api/v1/`)));

  const https = `https://controller.example:${secure}`;
  const env = { HTTPS_PROXY: proxy.url, FETTLE_CONTROLLER_CA: ca };
  await runsAgent(t, site, { controller: https, env });
  t.true(proxy.asked.includes(`CONNECT controller.example:${secure}`));
  t.true(proxy.asked.includes(`CONNECT broker.example:${broker}`));

  const nobody = 'http://127.0.0.1:1';
  const direct = await devices(test.controller.url, { HTTP_PROXY: nobody });
  t.is(direct.code, 0, `loopback goes through no proxy: ${direct.stderr}`);
  const count = proxy.asked.length;
  const excepted = await devices(https, { HTTPS_PROXY: proxy.url, NO_PROXY: '.example' });
  t.is(excepted.code, 1);
  t.is(proxy.asked.length, count);
  const bad = await devices(http, { HTTP_PROXY: 'no address' });
  t.regex(bad.stderr, /HTTP_PROXY: expected an address/);
});

interface Running {
  readonly controller: string;
  readonly env: Readonly<Record<string, string>>;
}

/** An agent in a process of its own: it enrols, and is heard at the broker. */
async function runsAgent(t: ExecutionContext, { test }: Site, { controller, env }: Running) {
  const home = temporaryFolder(t);
  const token = await test.enrolmentToken();
  const args = ['agent', '--name', 'pi', '--controller', controller, '--token', token];
  const agent = startFettle([...args, '--data', home, '--http-port', '0'], { home, env });
  t.teardown(() => agent.kill('SIGKILL'));
  let said = '';
  agent.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await until(
    'it is heard',
    async () => {
      if (agent.exitCode !== null) throw new Error(`the agent ended: ${said}`);
      const detail = await test.client.call(DeviceDetail, '/api/v1/devices/pi').catch(() => null);
      return detail?.online === true;
    },
    { timeoutMs: 120_000, everyMs: 200 },
  );
}
