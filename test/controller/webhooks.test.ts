import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import test, { type ExecutionContext } from 'ava';
import * as v from 'valibot';
import { WebhookAnswer, WebhookDelivery, WebhookRecord } from '../../shared/protocol/webhooks.ts';
import { startTestController, type TestController } from '../support/controller.ts';
import { startDevice } from '../support/device.ts';
import { until } from '../support/until.ts';

interface Received {
  readonly delivery: v.InferOutput<typeof WebhookDelivery>;
  readonly body: string;
  readonly signature: string;
}

/** An address that answers with the status it was told, and 400 to what is about one subject. */
async function startReceiver(t: ExecutionContext) {
  const received: Received[] = [];
  const receiver = { status: 204, refused: 0, refuses: '' };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { subject } = v.parse(WebhookDelivery, JSON.parse(body));
    const status = subject === receiver.refuses ? 400 : receiver.status;
    response.writeHead(status).end();
    if (status >= 300) {
      receiver.refused += 1;
      return;
    }
    const signature = String(request.headers['fettle-signature']);
    received.push({ delivery: v.parse(WebhookDelivery, JSON.parse(body)), body, signature });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  return { url: `http://127.0.0.1:${port}/hook`, received, receiver };
}

async function createHook({ client }: TestController, url: string, events?: readonly string[]) {
  const body = { name: 'chat', url, events };
  return await client.call(WebhookAnswer, '/api/v1/webhooks', { method: 'POST', body });
}

async function device(
  t: ExecutionContext,
  { controller, enrolmentToken }: TestController,
  name = 'pi-1',
) {
  const options = { url: controller.url, name, behaviour: 'manual' } as const;
  return await startDevice(t, { ...options, token: await enrolmentToken() });
}

test('a device that fails is told once, signed with the secret', async (t) => {
  const controller = await startTestController(t);
  const { url, received } = await startReceiver(t);
  const { secret } = await createHook(controller, url);
  const pi = await device(t, controller);
  await pi.report('failed');
  await pi.report('failed');
  await pi.report('serving');
  await until('two deliveries', () => received.length >= 2);
  const told = received.map(({ delivery }) => [delivery.subject, delivery.before, delivery.state]);
  t.deepEqual(told, [
    ['pi-1', null, 'failed'],
    ['pi-1', 'failed', 'serving'],
  ]);
  for (const { body, signature } of received) {
    const [, seconds, mac] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(signature) ?? [];
    t.is(mac, createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex'));
  }
});

test('what an address refuses waits, over a restart too, and comes in order', async (t) => {
  const first = await startTestController(t);
  const { url, received, receiver } = await startReceiver(t);
  receiver.status = 500;
  await createHook(first, url);
  const pi = await device(t, first);
  await pi.report('failed');
  await pi.report('serving');
  await until('an attempt', () => receiver.refused > 0);
  const Hooks = v.object({ items: v.array(WebhookRecord) });
  const list = (test: TestController) => test.client.call(Hooks, '/api/v1/webhooks');
  const [waiting] = await until('both wait', async () => {
    const { items } = await list(first);
    return items[0]?.waiting === 2 ? items : null;
  });
  t.regex(waiting?.trouble ?? '', /answered 500/);
  const second = await first.restart();
  receiver.status = 204;
  await until('both deliveries', () => received.length >= 2);
  const states = received.map(({ delivery }) => delivery.state);
  t.deepEqual(states.slice(0, 2), ['failed', 'serving']);
  await until('nothing waits', async () => (await list(second)).items[0]?.waiting === 0);
});

test('a refused delivery is given up after few tries, and holds up no other subject', async (t) => {
  const controller = await startTestController(t);
  const { url, received, receiver } = await startReceiver(t);
  receiver.refuses = 'pi-1';
  await createHook(controller, url, ['device']);
  const [one, other] = [await device(t, controller), await device(t, controller, 'pi-2')];
  await one.report('failed');
  await until('an attempt', () => receiver.refused > 0);
  await other.report('failed');
  await until('the other subject', () => received.length === 1);
  t.is(received[0]?.delivery.subject, 'pi-2');
  const Hooks = v.object({ items: v.array(WebhookRecord) });
  const hook = await until('it is given up', async () => {
    const { items } = await controller.client.call(Hooks, '/api/v1/webhooks');
    return items[0]?.refused === 1 ? items[0] : null;
  });
  t.deepEqual([hook.waiting, hook.dropped, receiver.refused], [0, 0, 3]);
  t.deepEqual(hook.lastRefusal, { subject: 'pi-1', answer: 'it answered 400' });
});

test('only what was asked for is told, and nothing after the webhook is gone', async (t) => {
  const controller = await startTestController(t);
  const { url, received } = await startReceiver(t);
  await createHook(controller, url, ['rollout']);
  await t.throwsAsync(createHook(controller, url), { code: 'CONFLICT' });
  await t.throwsAsync(createHook(controller, 'ftp://x'), { code: 'BAD_ARGUMENT' });
  const pi = await device(t, controller);
  await pi.report('failed');
  await until('the report', async () => {
    const Device = v.object({ reported: v.nullable(v.object({ state: v.string() })) });
    const { reported } = await controller.client.call(Device, '/api/v1/devices/pi-1');
    return reported?.state === 'failed';
  });
  const options = { method: 'DELETE' } as const;
  await controller.client.call(v.unknown(), '/api/v1/webhooks/chat', options);
  t.deepEqual(received, []);
});
