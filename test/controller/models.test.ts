import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import test from 'ava';
import * as v from 'valibot';
import { digestOf } from '../../shared/digest.ts';
import type { FettleError } from '../../shared/errors.ts';
import { writeNpz } from '../../shared/evaluate/npz.ts';
import { ModelRecord, VariantRecord } from '../../shared/protocol/api.ts';
import { startTestController, type TestController } from '../support/controller.ts';
import { startDevice } from '../support/device.ts';
import { temporaryFolder } from '../support/fettle.ts';
import { childrenRunning } from '../support/processes.ts';
import { push, pushTiny } from '../support/push.ts';
import { writeTinyPackage } from '../support/tiny-package.ts';
import { until } from '../support/until.ts';

const Models = v.object({ items: v.array(ModelRecord) });

function ask({ client }: TestController, recipe: object): Promise<VariantRecord> {
  const path = '/api/v1/models/tiny/1/variants';
  return client.call(VariantRecord, path, { method: 'POST', body: { recipe } });
}

function wait({ client }: TestController, id: string): Promise<VariantRecord> {
  return client.call(VariantRecord, `/api/v1/variants/${id}?waitSeconds=60`);
}

async function models({ client }: TestController): Promise<ModelRecord[]> {
  return (await client.call(Models, '/api/v1/models')).items;
}

test('a package is checked, measured, and equal content is one version', async (t) => {
  const test = await startTestController(t);
  const folder = await writeTinyPackage(temporaryFolder(t));
  const first = await push(test.client, folder);
  t.like(first, { name: 'tiny', version: 1, state: 'ready', opset: 17, parameters: 15 });
  t.deepEqual(first.inputs, [{ name: 'x', type: 'float', shape: [-1, 4] }]);
  t.like(first.quality, { metric: 'top1', value: 1, samples: 24, drop: 0 });
  t.deepEqual(await push(test.client, folder), first, 'pushed again: nothing new');
  const second = await pushTiny(test, temporaryFolder(t), { bias: 0.5 });
  t.is(second.version, 2);
  const again = await test.restart();
  t.deepEqual(
    (await models(again)).map(({ version, state }) => [version, state]),
    [
      [2, 'ready'],
      [1, 'ready'],
    ],
  );
});

test('a bare model is taken, and what it lacks is said', async (t) => {
  const test = await startTestController(t);
  const folder = await writeTinyPackage(temporaryFolder(t), { data: false });
  const record = await push(test.client, join(folder, 'model.onnx'));
  t.like(record, { name: 'model', state: 'ready', quality: null });
  t.is(record.notes.length, 2);
});

test('what is sent of a variant is compressed, and holds the same', async (t) => {
  const test = await startTestController(t);
  await pushTiny(test, temporaryFolder(t));
  const variant = await wait(test, (await ask(test, { v: 1, bits: 32 })).id);
  for (const file of [variant, variant.golden]) {
    t.is(file?.sent?.encoding, 'zstd');
    t.true((file?.sent?.bytes ?? 0) < (file?.bytes ?? 0), `of ${file?.bytes} bytes`);
    const answer = await fetch(`${test.controller.url}/api/v1/blobs/${file?.sent?.digest}`, {
      headers: { authorization: `Bearer ${test.controller.adminToken}` },
    });
    const packed = Buffer.from(await answer.arrayBuffer());
    t.deepEqual(
      [packed.length, digestOf(zstdDecompressSync(packed))],
      [file?.sent?.bytes ?? 0, file?.digest ?? ''],
    );
  }
});

type Spoil = (folder: string) => Promise<unknown>;

const wrong: readonly (readonly [string, Spoil, FettleError['code'], RegExp])[] = [
  ['a truncated model', (f) => truncate(join(f, 'model.onnx'), 100), 'ONNX_INVALID', /model\.onnx/],
  ['an empty model', (f) => truncate(join(f, 'model.onnx'), 0), 'ONNX_INVALID', /empty/],
  [
    'an evaluation set of the wrong shape',
    (f) => writeNpz(join(f, 'evaluation.npz'), { x: floats([5, 7]) }),
    'DATA_MISMATCH',
    /evaluation\.npz: array x/,
  ],
  [
    'data that is no .npz',
    (f) => writeFile(join(f, 'calibration.npz'), 'hello'),
    'NPZ_INVALID',
    /calibration\.npz/,
  ],
  [
    'one file for calibration and evaluation',
    async (f) => writeFile(join(f, 'evaluation.npz'), await readFile(join(f, 'calibration.npz'))),
    'PACKAGE_INVALID',
    /must not share samples/,
  ],
  [
    'a name that leads elsewhere',
    (f) => writeFile(join(f, 'fettle.json'), '{"name":"../x","model":"model.onnx"}'),
    'PACKAGE_INVALID',
    /name/,
  ],
];

function floats(shape: readonly number[]) {
  const count = shape.reduce((product, size) => product * size, 1);
  return { type: 'float', shape, data: new Float32Array(count) } as const;
}

for (const [what, spoil, code, message] of wrong) {
  test(`${what} is refused, and nothing is registered`, async (t) => {
    const test = await startTestController(t);
    const folder = await writeTinyPackage(temporaryFolder(t));
    await spoil(folder);
    const error = await t.throwsAsync<FettleError>(push(test.client, folder), { code, message });
    t.false(error?.message.includes('sha256'), 'the file is called as the package calls it');
    t.deepEqual(await models(test), []);
  });
}

test('a model that only the controller can refuse is refused by it', async (t) => {
  const test = await startTestController(t);
  const manifest = { name: 'tiny', model: 'm.onnx' };
  const [calibration, evaluation] = [null, null];
  const post = (body: object) =>
    test.client.call(ModelRecord, '/api/v1/models', { method: 'POST', body });
  const unknown = digestOf('never uploaded');
  await t.throwsAsync(post({ manifest, model: unknown, calibration, evaluation }), {
    code: 'NOT_FOUND',
  });
  const model = await upload(test, Buffer.from('this is no model'));
  const error = await t.throwsAsync<FettleError>(
    post({ manifest, model, calibration, evaluation }),
    { code: 'ONNX_INVALID' },
  );
  t.regex(error?.message ?? '', /^m\.onnx: /);
  const evil = { manifest: { ...manifest, name: '../tiny' }, model, calibration, evaluation };
  await t.throwsAsync(post(evil), { code: 'BAD_ARGUMENT' });
  t.deepEqual(await models(test), []);
});

async function upload({ controller }: TestController, bytes: Uint8Array): Promise<string> {
  const digest = digestOf(bytes);
  const { url, adminToken } = controller;
  const headers = {
    authorization: `Bearer ${adminToken}`,
    'content-type': 'application/octet-stream',
  };
  await fetch(`${url}/api/v1/blobs/${digest}`, { method: 'PUT', headers, body: bytes });
  return digest;
}

test('a variant is built once, however many ask, and kept over a restart', async (t) => {
  const test = await startTestController(t);
  await pushTiny(test, temporaryFolder(t));
  const recipe = { v: 1, bits: 8 };
  const asked = await Promise.all(Array.from({ length: 5 }, () => ask(test, recipe)));
  t.is(new Set(asked.map(({ id }) => id)).size, 1);
  const [first] = asked;
  const built = await wait(test, first?.id ?? '');
  t.is(built.state, 'ready', built.error?.message);
  t.truthy(built.golden);
  t.is(built.quality?.samples, 24);
  const again = await test.restart();
  t.deepEqual(await ask(again, recipe), built);
});

test('the source is a variant too: its own bytes, nothing lost', async (t) => {
  const test = await startTestController(t);
  const model = await pushTiny(test, temporaryFolder(t));
  const { id } = await ask(test, { v: 1, source: true, bits: 32 });
  const built = await wait(test, id);
  t.is(built.digest, model.digest);
  t.like(built.quality, { drop: 0, dropUpper: 0 });
  t.is((built.golden?.samples ?? 0) > 0, true);
});

test('a variant that can not be built fails with its reason, and that is remembered', async (t) => {
  const test = await startTestController(t);
  const folder = await writeTinyPackage(temporaryFolder(t), { data: false, name: 'tiny' });
  await push(test.client, folder);
  const { id } = await ask(test, { v: 1, bits: 8 });
  const failed = await wait(test, id);
  t.like(failed, { state: 'failed', digest: null });
  t.is(failed.error?.code, 'CALIBRATION_MISSING');
  const again = await test.restart();
  t.deepEqual(await ask(again, { v: 1, bits: 8 }), failed);
});

test('a device may ask for variants, and fetches them by digest', async (t) => {
  const test = await startTestController(t);
  await pushTiny(test, temporaryFolder(t));
  const { url } = test.controller;
  const token = await test.enrolmentToken();
  const { client, enrolment } = await startDevice(t, { url, token, name: 'pi-1' });
  const path = '/api/v1/models/tiny/1/variants';
  const body = { recipe: { v: 1, bits: 32 } };
  const { id } = await client.call(VariantRecord, path, { method: 'POST', body });
  const ready = await client.call(VariantRecord, `/api/v1/variants/${id}?waitSeconds=60`);
  const headers = { authorization: `Bearer ${enrolment.deviceToken}` };
  const file = await fetch(`${url}/api/v1/blobs/${ready.digest}`, { headers });
  t.true(digestOf(Buffer.from(await file.arrayBuffer())) === ready.digest);
});

test.serial('a builder that is killed is started again; twice is a failure', async (t) => {
  const test = await startTestController(t);
  await pushTiny(test, temporaryFolder(t));
  const once = await ask(test, { v: 1, bits: 32 });
  await killWorker(once.id, test);
  t.is((await wait(test, once.id)).state, 'ready');
  // The one that has just finished may still be ending: it is not the one to kill.
  await until('no worker left', () => childrenRunning('work/worker').length === 0);
  const twice = await ask(test, { v: 1, bits: 8 });
  const first = await killWorker(twice.id, test);
  await killWorker(twice.id, test, first);
  const failed = await wait(test, twice.id);
  t.is(failed.state, 'failed');
  t.regex(failed.error?.message ?? '', /ended the process 2 times \(SIGKILL\)/);
});

test('a controller that stops in mid-build builds it at the next start', async (t) => {
  const test = await startTestController(t);
  await pushTiny(test, temporaryFolder(t));
  const { id } = await ask(test, { v: 1, bits: 8 });
  const again = await test.restart();
  t.is((await wait(again, id)).state, 'ready');
});

test('asking for what is not there, or what is no recipe', async (t) => {
  const test = await startTestController(t);
  await pushTiny(test, temporaryFolder(t));
  await t.throwsAsync(ask(test, { v: 1, bits: 7 }), { code: 'BAD_ARGUMENT' });
  await t.throwsAsync(wait(test, digestOf('none')), { code: 'NOT_FOUND' });
  await t.throwsAsync(wait(test, '..%2f..%2fetc'), { code: 'BAD_ARGUMENT' });
  const path = '/api/v1/models/none/1/variants';
  const body = { recipe: { v: 1, bits: 8 } };
  await t.throwsAsync(test.client.call(VariantRecord, path, { method: 'POST', body }), {
    code: 'NOT_FOUND',
  });
});

/** Kills the process that builds, as the kernel does when memory runs out. Returns its id. */
async function killWorker(
  id: string,
  { client }: TestController,
  except: number | null = null,
): Promise<number> {
  const pid = await until('a worker process', async () => {
    const { state } = await client.call(VariantRecord, `/api/v1/variants/${id}`);
    if (state === 'failed') throw new Error('it failed before');
    return childrenRunning('work/worker').find((one) => one !== except);
  });
  process.kill(pid, 'SIGKILL');
  return pid;
}
