import { Validator } from '@seriousme/openapi-schema-validator';
import test from 'ava';
import * as v from 'valibot';
import { createSseParser } from '../../../controller/dashboard/api/sse.ts';
import { DeviceSummary, Problem } from '../../../shared/protocol/api.ts';
import { startTestController } from '../../support/controller.ts';
import { startDevice } from '../../support/device.ts';
import { until } from '../../support/until.ts';

const Route = v.looseObject({ responses: v.optional(v.looseObject({})) });
const OpenApi = v.looseObject({
  openapi: v.string(),
  paths: v.record(v.string(), v.record(v.string(), Route)),
});

test('the OpenAPI document names every route, with its schemas and who may use it', async (t) => {
  const { controller } = await startTestController(t);
  const answer = await fetch(`${controller.url}/openapi.json`);
  const text = await answer.text();
  const document = v.parse(OpenApi, JSON.parse(text));
  t.is(document.openapi, '3.1.0');
  const { valid, errors } = await new Validator().validate(JSON.parse(text));
  t.true(valid, JSON.stringify(errors));
  const routes = Object.entries(document.paths);
  t.true(routes.length >= 20, `${routes.length} paths`);
  for (const [path, methods] of routes) {
    for (const [method, route] of Object.entries(methods)) {
      t.truthy(route.responses, `${method} ${path}`);
      const open =
        path === '/health' || path === '/metrics' || path === '/install' || path.endsWith('/enrol');
      t.is('security' in route, !open, `${method} ${path}: says who may use it`);
    }
  }
});

test('errors are problem documents, whatever went wrong', async (t) => {
  const { controller } = await startTestController(t);
  const { url, adminToken } = controller;
  const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' };
  const cases: readonly (readonly [string, RequestInit, number])[] = [
    ['/nowhere', {}, 404],
    ['/api/v1/devices/none', {}, 404],
    ['/api/v1/devices?limit=0', {}, 400],
    ['/api/v1/devices?selector=((', {}, 400],
    ['/api/v1/devices?limit=1.5', {}, 400],
    ['/api/v1/audit?limit=1&before=1.5', {}, 400],
    ['/api/v1/models/%00', {}, 400],
    ['/api/v1/rollouts/%00', {}, 400],
    ['/api/v1/variants/x%00', {}, 400],
    ['/api/v1/rollouts', { method: 'POST', body: '{"model":"a","soakSeconds":1e999}' }, 400],
    ['/api/v1/rollouts', { method: 'POST', body: '{"model":"a","x":"\\u0000"}' }, 400],
    ['/api/v1/rollouts', { method: 'POST', body: '['.repeat(1 << 20) + ']'.repeat(1 << 20) }, 400],
    ['/api/v1/models/a/x', {}, 400],
    ['/api/v1/rollouts', { method: 'POST', body: '{' }, 400],
    ['/api/v1/rollouts', { method: 'POST', body: '[]' }, 400],
    ['/api/v1/rollouts', { method: 'POST', body: 'x'.repeat(5 << 20) }, 413],
  ];
  for (const [path, init, status] of cases) {
    const answer = await fetch(url + path, { ...init, headers });
    t.is(answer.status, status, path);
    t.regex(answer.headers.get('content-type') ?? '', /^application\/problem\+json/, path);
    const problem = v.parse(Problem, await answer.json());
    t.like(problem, { status, retryable: false }, path);
  }
});

test('live events: a device that reports is seen by who watches', async (t) => {
  const { controller, enrolmentToken } = await startTestController(t);
  const { url, adminToken } = controller;
  const watching = new AbortController();
  t.teardown(() => watching.abort());
  const stream = await fetch(`${url}/api/v1/events`, {
    headers: { authorization: `Bearer ${adminToken}` },
    signal: watching.signal,
  });
  t.is(stream.headers.get('content-type'), 'text/event-stream');
  const seen: DeviceSummary[] = [];
  const reading = read(stream, (name, data) => {
    if (name === 'device') seen.push(...v.parse(v.array(DeviceSummary), JSON.parse(data)));
  });
  const token = await enrolmentToken();
  const device = await startDevice(t, { url, token, name: 'pi-1', behaviour: 'manual' });
  await device.report('tuning');
  await until('the report seen', () => seen.some(({ reported }) => reported?.state === 'tuning'));
  watching.abort();
  await reading;
  t.pass();
});

async function read(
  stream: Response,
  onEvent: (name: string, data: string) => void,
): Promise<void> {
  const parse = createSseParser();
  const decoder = new TextDecoder();
  try {
    for await (const chunk of stream.body ?? []) {
      for (const { name, data } of parse(decoder.decode(chunk, { stream: true }))) {
        onEvent(name, data);
      }
    }
  } catch (thrown) {
    if (!(thrown instanceof DOMException)) throw thrown;
  }
}

test('lists come in pages that can be followed', async (t) => {
  const { controller, client, enrolmentToken } = await startTestController(t);
  const { url } = controller;
  const token = await enrolmentToken(5);
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    const body = { token, device: name };
    await client.call(v.unknown(), '/api/v1/enrol', { method: 'POST', body });
  }
  const Page = v.object({ items: v.array(DeviceSummary), next: v.nullable(v.string()) });
  const found: string[] = [];
  let cursor = '';
  for (let page = 0; page < 3; page += 1) {
    const answer = await client.call(Page, `/api/v1/devices?limit=2${cursor}`);
    found.push(...answer.items.map(({ device }) => device));
    if (answer.next === null) break;
    cursor = `&cursor=${answer.next}`;
  }
  t.deepEqual(found, ['a', 'b', 'c', 'd', 'e']);
  t.truthy(url);
});

test('a device that is gone ends no list, and a cursor of nothing is refused', async (t) => {
  const { client, enrolmentToken } = await startTestController(t);
  const token = await enrolmentToken(3);
  for (const device of ['a', 'b', 'c']) {
    await client.call(v.unknown(), '/api/v1/enrol', { method: 'POST', body: { token, device } });
  }
  const Page = v.object({ items: v.array(DeviceSummary), next: v.nullable(v.string()) });
  const { next } = await client.call(Page, '/api/v1/devices?limit=2');
  t.is(next, 'b');
  await client.call(v.unknown(), '/api/v1/devices/b', { method: 'DELETE' });
  const rest = await client.call(Page, `/api/v1/devices?limit=2&cursor=${next}`);
  t.deepEqual(
    rest.items.map(({ device }) => device),
    ['c'],
  );
  for (const list of ['models', 'rollouts', 'tokens', 'webhooks', 'releases']) {
    const call = client.call(v.unknown(), `/api/v1/${list}?cursor=nothing`);
    await t.throwsAsync(call, { code: 'BAD_ARGUMENT', message: /query cursor/ }, list);
    const whole = v.object({ items: v.array(v.unknown()), next: v.null() });
    await t.notThrowsAsync(client.call(whole, `/api/v1/${list}?limit=10`), list);
  }
});

test('a document that has not changed is not sent again', async (t) => {
  const { controller, client, enrolmentToken } = await startTestController(t);
  const token = await enrolmentToken(2);
  const enrol = (device: string) =>
    client.call(v.unknown(), '/api/v1/enrol', { method: 'POST', body: { token, device } });
  await enrol('a');
  const ask = (known?: string, path = '/api/v1/devices') => {
    const authorization = `Bearer ${controller.adminToken}`;
    const headers = { authorization, ...(known ? { 'if-none-match': known } : {}) };
    return fetch(controller.url + path, { headers });
  };
  const tag = (await ask()).headers.get('etag') ?? '';
  t.regex(tag, /^"[0-9a-f]{32}"$/);
  for (const known of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
    const same = await ask(known);
    t.is(same.status, 304, known);
    t.is(same.headers.get('etag'), tag);
    t.is(await same.text(), '');
  }
  const narrower = await ask(tag, '/api/v1/devices?selector=room%3Dlab');
  t.is(narrower.status, 200);
  await enrol('b');
  const changed = await ask(tag);
  t.is(changed.status, 200);
  t.not(changed.headers.get('etag'), tag);
  t.regex(await changed.text(), /"b"/);
  const refused = await ask('*', '/api/v1/devices/none');
  t.is(refused.status, 404);
  t.is(refused.headers.get('etag'), null);
});

test('without a built dashboard the page says how to build it', async (t) => {
  const { controller } = await startTestController(t, { dashboard: '/nonexistent' });
  const answer = await fetch(controller.url);
  t.is(answer.status, 404);
  t.regex(await answer.text(), /npm run build/);
});

test('the metrics count what happens', async (t) => {
  const { controller, enrolmentToken } = await startTestController(t);
  const { url } = controller;
  await startDevice(t, { url, token: await enrolmentToken(), name: 'pi-1' });
  await until('the device counted', async () => {
    const text = await (await fetch(`${url}/metrics`)).text();
    return text.includes('fettle_devices{state="unknown",online="true"} 1');
  });
  t.pass();
});
