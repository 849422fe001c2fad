/** Jobs that go wrong in ways that must not end the controller, or stay for ever as they are. */
import test from 'ava';
import { runJob } from '../../controller/work/run.ts';
import { ModelRecord, VariantRecord } from '../../shared/protocol/api.ts';
import { startTestController, type TestController } from '../support/controller.ts';
import { startDevice } from '../support/device.ts';
import { temporaryFolder } from '../support/fettle.ts';
import { sharedModelOrSkip } from '../support/models.ts';
import { push, pushTiny } from '../support/push.ts';
import { until } from '../support/until.ts';

async function ask({ client }: TestController, recipe: object): Promise<VariantRecord> {
  const path = '/api/v1/models/tiny/1/variants';
  const { id } = await client.call(VariantRecord, path, { method: 'POST', body: { recipe } });
  return await client.call(VariantRecord, `/api/v1/variants/${id}?waitSeconds=60`);
}

for (const name of ['an infinite number', 'no JSON']) {
  test(`a worker that says ${name} fails its job and nothing else`, async (t) => {
    const files = { modelPath: '', calibrationPath: null, evaluationPath: null };
    const manifest = { name: 'tiny', model: name };
    const work = runJob(
      { kind: 'measure', files: { ...files, manifest } },
      {
        ...{ timeoutMs: 60_000, memoryMib: 4096, signal: new AbortController().signal },
        onAnswer: () => t.fail('it is no answer'),
        module: new URL('../support/workers/nonsense.ts', import.meta.url),
      },
    );
    await t.throwsAsync(work, { code: 'VARIANT_FAILED', message: /not expected/ });
  });
}

test('what the controller did not survive three times is not begun a fourth time', async (t) => {
  const folder = temporaryFolder(t);
  const first = await startTestController(t);
  await pushTiny(first, folder);
  const { id, recipeName } = await ask(first, { v: 1, bits: 32 });
  await first.stop();
  for (const [table, state] of [
    ['models', 'measuring'],
    ['variants', 'building'],
  ]) {
    first.execute(`update ${table} set state = '${state}',
      record = replace(record, '"state":"ready"', '"state":"${state}"')`);
  }
  const building = `building ${recipeName} of tiny 1 (${id.slice(7, 19)})`;
  for (const job of ['measuring tiny 1', building]) {
    first.execute(`insert into starts (job, starts) values ('${job}', 3)`);
  }
  let test = await first.restart();
  for (let time = 0; time < 2; time += 1) {
    const variant = await test.client.call(VariantRecord, `/api/v1/variants/${id}?waitSeconds=60`);
    t.like(variant, { state: 'failed', progress: null });
    t.is(variant.error?.code, 'JOB_ABANDONED');
    const model = await until('the model to be settled', async () => {
      const found = await test.client.call(ModelRecord, '/api/v1/models/tiny/1');
      return found.state === 'measuring' ? null : found;
    });
    t.is(model.state, 'failed');
    t.regex(model.error?.message ?? '', /measuring tiny 1 was begun 3 times/);
    test = await test.restart();
  }
  t.is((await pushTiny(test, folder)).state, 'ready', 'a person may have it tried again');
});

test('a variant whose first write failed is built when it is asked for again', async (t) => {
  if (process.env.FETTLE_TEST_DATABASE) {
    t.log('skipped: its trigger is SQLite');
    t.pass();
    return;
  }
  const first = await startTestController(t);
  await pushTiny(first, temporaryFolder(t));
  await first.stop();
  first.execute(`create trigger refuse before insert on variants
    when not exists (select 1 from events where code = 'ROOM')
    begin select raise(abort, 'no room'); end`);
  const test = await first.restart();
  await t.throwsAsync(ask(test, { v: 1, bits: 32 }), { message: /no room/ });
  const { url } = test.controller;
  const token = await test.enrolmentToken();
  const device = await startDevice(t, { url, token, name: 'pi-1', behaviour: 'manual' });
  const at = new Date().toISOString();
  const event = { v: 1, device: 'pi-1', at, level: 'info', code: 'ROOM', message: '', spool: 'e' };
  await device.send('event', { ...event, seq: 1 });
  await until('the room', () => device.acks.some((ack) => ack.event?.seq === 1));
  t.is((await ask(test, { v: 1, bits: 32 })).state, 'ready');
});

test('a variant that answers with infinite numbers ends no controller', async (t) => {
  const folder = sharedModelOrSkip(t, '../cases/log-softmax-mse-infinite');
  if (folder === null) return;
  const test = await startTestController(t);
  const { name } = await push(test.client, folder);
  const path = `/api/v1/models/${name}/1/variants`;
  const body = { recipe: { v: 1, bits: 8 } };
  const { id } = await test.client.call(VariantRecord, path, { method: 'POST', body });
  const settled = await test.client.call(VariantRecord, `/api/v1/variants/${id}?waitSeconds=60`);
  t.true(['ready', 'failed'].includes(settled.state), settled.state);
  t.is((await pushTiny(test, temporaryFolder(t))).state, 'ready', 'the next push is taken');
});
