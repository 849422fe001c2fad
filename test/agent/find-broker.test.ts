import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { findBroker, type Identity } from '../../agent/enrol.ts';
import { agentSettings } from '../../agent/settings.ts';

const never = new AbortController().signal;

/** A controller that says where its broker is. */
async function scene(t: ExecutionContext, answer: { status: number; body: string }) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.authorization}`);
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const dataFolder = await mkdtemp(join(tmpdir(), 'fettle-broker-'));
  t.teardown(async () => {
    server.close();
    await rm(dataFolder, { recursive: true });
  });
  const controller = `http://127.0.0.1:${port}`;
  const mqtt = { url: 'mqtt://127.0.0.1:1', username: 'press', password: 'secret' };
  const identity: Identity = {
    ...{ device: 'press', deviceToken: 'token', controllerKey: 'key' },
    ...{ controller, mqtt },
  };
  const settings = agentSettings({ device: 'press', dataFolder, controller });
  return { asked, identity, settings, file: join(dataFolder, 'identity.json') };
}

test('a broker that has moved is followed, and remembered', async (t) => {
  const body = JSON.stringify({ url: 'mqtt://127.0.0.1:2' });
  const { asked, identity, settings, file } = await scene(t, { status: 200, body });
  const found = await findBroker(settings, identity, never);
  t.deepEqual(found.mqtt, { ...identity.mqtt, url: 'mqtt://127.0.0.1:2' });
  t.deepEqual(JSON.parse(await readFile(file, 'utf8')), found);
  t.deepEqual(asked, ['GET /api/v1/broker Bearer token']);
});

for (const [what, answer] of [
  ['the same address', { status: 200, body: JSON.stringify({ url: 'mqtt://127.0.0.1:1' }) }],
  ['a refusal', { status: 401, body: '{}' }],
  ['nonsense', { status: 200, body: '<html>' }],
] as const) {
  test(`${what} changes nothing`, async (t) => {
    const { identity, settings, file } = await scene(t, answer);
    t.is(await findBroker(settings, identity, never), identity);
    await t.throwsAsync(readFile(file), { code: 'ENOENT' });
  });
}
