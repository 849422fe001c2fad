import test, { type ExecutionContext } from 'ava';
import * as v from 'valibot';
import {
  type CallOptions,
  createHttpClient,
  type HttpClient,
} from '../../../shared/http-client.ts';
import { AuditEntry, AuditVerdict, PersonAnswer } from '../../../shared/protocol/people.ts';
import { startTestController, type TestController } from '../../support/controller.ts';

const Entries = v.object({ items: v.array(AuditEntry) });
const OpenApi = v.object({ paths: v.record(v.string(), v.record(v.string(), v.unknown())) });

type PersonOptions = { readonly name: string; readonly role: string; expiresInSeconds?: number };

async function personOf(test: TestController, body: PersonOptions): Promise<HttpClient> {
  const options = { method: 'POST', body } as const;
  const { token } = await test.client.call(PersonAnswer, '/api/v1/tokens', options);
  return createHttpClient({ url: test.controller.url, token });
}

async function auditOf({ client }: TestController): Promise<v.InferOutput<typeof AuditEntry>[]> {
  return (await client.call(Entries, '/api/v1/audit?limit=1000')).items.toReversed();
}

/** Every route that is not a GET, with its parameters filled in. */
async function changingRoutes(client: HttpClient) {
  const { paths } = await client.call(OpenApi, '/openapi.json');
  const digest = `sha256:${'0'.repeat(64)}`;
  const values: Readonly<Record<string, string>> = { digest, version: '1' };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods)
      .map((method) => method.toUpperCase())
      .filter((method) => method !== 'GET' && method !== 'HEAD')
      .map((method) => ({
        method,
        path: path.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? 'some'),
      })),
  );
}

test('a viewer reads what there is and can change nothing', async (t) => {
  const controller = await startTestController(t);
  const viewer = await personOf(controller, { name: 'vera', role: 'viewer' });
  for (const path of ['devices', 'models', 'rollouts', 'session']) {
    await t.notThrowsAsync(viewer.call(v.unknown(), `/api/v1/${path}`));
  }
  const routes = await changingRoutes(viewer);
  t.true(routes.length >= 12);
  for (const { method, path } of routes) {
    if (path === '/api/v1/enrol') continue;
    if (!isMethod(method)) return void t.fail(`${method} ${path}: a method the client has not`);
    const call = viewer.call(v.unknown(), path, { method, body: {} });
    await t.throwsAsync(call, { code: 'FORBIDDEN' }, `${method} ${path}`);
  }
  for (const path of ['tokens', 'audit', 'audit/verify']) {
    await t.throwsAsync(viewer.call(v.unknown(), `/api/v1/${path}`), { code: 'FORBIDDEN' });
  }
});

function isMethod(text: string): text is NonNullable<CallOptions['method']> {
  return ['POST', 'PUT', 'PATCH', 'DELETE'].includes(text);
}

test('an operator rolls out but gives nobody access', async (t) => {
  const controller = await startTestController(t);
  const operator = await personOf(controller, { name: 'otto', role: 'operator' });
  const post = (path: string, body: unknown = {}) =>
    operator.call(v.unknown(), path, { method: 'POST', body });
  await t.throwsAsync(post('/api/v1/rollouts/none/pause'), { code: 'NOT_FOUND' });
  await t.throwsAsync(post('/api/v1/enrolment-tokens'), { code: 'FORBIDDEN' });
  const another = { name: 'eve', role: 'admin' };
  await t.throwsAsync(post('/api/v1/tokens', another), { code: 'FORBIDDEN' });
});

test('a token is good until it expires or is revoked, over restarts too', async (t) => {
  const first = await startTestController(t);
  const lasting = await personOf(first, { name: 'ana', role: 'admin' });
  const short = await personOf(first, { name: 'bo', role: 'admin', expiresInSeconds: 1 });
  const again = { name: 'ana', role: 'viewer' };
  await t.throwsAsync(personOf(first, again), { code: 'CONFLICT' });
  const second = await first.restart();
  await t.notThrowsAsync(lasting.call(v.unknown(), '/api/v1/tokens'));
  await refusedSoon(t, short);
  const options = { method: 'DELETE' } as const;
  await second.client.call(v.unknown(), '/api/v1/tokens/ana', options);
  await t.throwsAsync(lasting.call(v.unknown(), '/api/v1/tokens'), { code: 'UNAUTHORIZED' });
});

/** Asks until the token has expired; a test's own timeout bounds it. */
async function refusedSoon(t: ExecutionContext, client: HttpClient): Promise<void> {
  let code: unknown = null;
  while (code === null) {
    code = await client.call(v.unknown(), '/api/v1/tokens').then(
      () => null,
      (thrown: unknown) => (thrown instanceof Error && 'code' in thrown ? thrown.code : thrown),
    );
  }
  t.is(code, 'UNAUTHORIZED');
}

test('the log tells who changed what, and holds no secret', async (t) => {
  const controller = await startTestController(t);
  const operator = await personOf(controller, { name: 'otto', role: 'operator' });
  const path = '/api/v1/rollouts/none/pause';
  await t.throwsAsync(operator.call(v.unknown(), path, { method: 'POST', body: {} }));
  const token = await controller.enrolmentToken();
  const body = { token, device: 'pi-1', labels: { room: 'lab' } };
  const joined = v.object({ deviceToken: v.string() });
  const { deviceToken } = await createHttpClient({
    url: controller.controller.url,
    token: null,
  }).call(joined, '/api/v1/enrol', { method: 'POST', body });
  const entries = await auditOf(controller);
  t.deepEqual(
    entries.map(({ who, action }) => `${who}: ${action}`),
    [
      'admin: POST /api/v1/tokens',
      `otto: POST ${path}`,
      `otto: POST ${path}`,
      'admin: POST /api/v1/enrolment-tokens',
      'enrolment: POST /api/v1/enrol',
    ],
  );
  t.regex(entries[2]?.detail ?? '', /NOT_FOUND/);
  t.regex(entries[4]?.detail ?? '', /pi-1.*lab/);
  const all = JSON.stringify(entries);
  for (const secret of [token, deviceToken]) t.false(all.includes(secret));
});

const tampering = {
  'an entry was edited': "update audit set who = 'nobody' where seq = 2",
  'an entry was taken out': 'delete from audit where seq = 2',
  'an entry was put in': `insert into audit select 4, at_ms, who, action, detail, previous, hash
    from audit where seq = 1`,
};

for (const [title, sql] of Object.entries(tampering)) {
  test(`the log finds that ${title}`, async (t) => {
    const controller = await startTestController(t);
    for (const name of ['ana', 'bo', 'cy']) await personOf(controller, { name, role: 'viewer' });
    const verify = () => controller.client.call(AuditVerdict, '/api/v1/audit/verify');
    const whole = await verify();
    t.is(whole.brokenAt, null);
    t.is(whole.entries, 3);
    await controller.stop();
    controller.execute(sql);
    const again = await controller.restart();
    const path = '/api/v1/audit/verify';
    t.true(((await again.client.call(AuditVerdict, path)).brokenAt ?? 99) <= 4);
  });
}
