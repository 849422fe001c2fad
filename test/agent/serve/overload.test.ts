/** More is asked than can be answered: not the variant’s doing, and nobody waits in vain. */
import { type ClientRequest, request } from 'node:http';
import test from 'ava';
import { doublingModel, fragileModel, heavyModel } from '../../support/arithmetic.ts';
import { serve } from '../../support/serving.ts';
import { until } from '../../support/until.ts';

const body = (value: number) =>
  JSON.stringify({ inputs: [{ name: 'x', shape: [1, 1], datatype: 'FP32', data: [value] }] });

async function infer(url: string, sent = body(1)): Promise<Response> {
  return await fetch(`${url}/v2/models/model/infer`, { method: 'POST', body: sent });
}

test('what a full queue refuses is no error of the variant, and is counted apart', async (t) => {
  const path = await heavyModel(t);
  const { url, meter, server } = await serve(t, path, { limits: { queueMax: 4 } });
  const answers = await Promise.all(Array.from({ length: 40 }, () => infer(url)));
  const statuses = answers.map(({ status }) => status);
  const refused = answers.filter(({ status }) => status === 503);
  t.true(refused.length > 20, String(statuses));
  for (const { headers } of refused) t.regex(headers.get('retry-after') ?? '', /^\d+$/);
  t.deepEqual([...new Set(statuses)].sort(), [200, 503]);
  const { requests, errors, unserved } = meter.total();
  t.deepEqual({ requests, errors }, { requests: 40 - refused.length, errors: 0 });
  t.deepEqual(unserved, { refused: refused.length });
  t.deepEqual(server.health(), { requests: 40 - refused.length, errors: 0 });
  const text = await (await fetch(`${url}/metrics`)).text();
  t.regex(text, new RegExp(`^fettle_unserved_total\\{reason="refused"\\} ${refused.length}$`, 'm'));
  t.regex(text, /^fettle_errors_total 0$/m);
});

test('requests of clients that have gone are not run', async (t) => {
  const { url, meter, server } = await serve(t, await heavyModel(t));
  const gone: ClientRequest[] = Array.from({ length: 20 }, () => {
    const asked = request(`${url}/v2/models/model/infer`, { method: 'POST', agent: false });
    asked.on('error', () => {});
    asked.end(body(1));
    return asked;
  });
  await until('all have come', () => server.load() >= 15);
  for (const one of gone) one.destroy();
  const next = await infer(url);
  t.is(next.status, 200);
  t.regex(await next.text(), /"data":\[2\]/);
  await until('all are over', () => server.load() === 0);
  const { requests, errors, unserved } = meter.total();
  t.is(errors, 0);
  t.true((unserved.cancelled ?? 0) >= 12, JSON.stringify({ requests, unserved }));
  t.is(requests + (unserved.cancelled ?? 0), 21);
});

test('what cannot be answered in time is told so, and is no error of the variant', async (t) => {
  const { url, meter, server } = await serve(t, await heavyModel(t), { limits: { answerMs: 600 } });
  const answers = await Promise.all(Array.from({ length: 30 }, () => infer(url)));
  const statuses = new Set(answers.map(({ status }) => status));
  statuses.delete(200);
  t.true(statuses.size > 0);
  t.true([...statuses].every((status) => status === 503 || status === 504));
  await until('all are over', () => server.load() === 0);
  const { unserved } = meter.total();
  t.true((unserved.expired ?? 0) + (unserved.refused ?? 0) >= 15, JSON.stringify(unserved));
});

test('a request that cannot be read is no error of the variant', async (t) => {
  const { url, meter, server } = await serve(t, await doublingModel(t, { dims: [1, 1] }));
  const deep = 20_000;
  const nested = body(1).replace('[1]', `${'['.repeat(deep)}1${']'.repeat(deep)}`);
  const texts = nested.replace('FP32', 'BYTES').replace(/1\]/, '"1"]');
  for (const sent of [nested, texts, '{', body(1).replace('FP32', 'FP64')]) {
    const { status } = await infer(url, sent);
    t.is(status, 400);
  }
  const { requests, errors, unserved } = meter.total();
  t.deepEqual({ requests, errors, unserved }, { requests: 0, errors: 0, unserved: { invalid: 4 } });
  t.is((await infer(url)).status, 200);
  t.deepEqual(server.health(), { requests: 1, errors: 0 });
});

test('what the runtime says is the variant’s', async (t) => {
  const { url, meter, server } = await serve(t, await fragileModel(t, { dims: [1, 1] }));
  t.is((await infer(url, body(7))).status, 500);
  t.is(meter.total().errors, 1);
  t.deepEqual(server.health(), { requests: 1, errors: 1 });
});
