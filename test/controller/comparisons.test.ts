/** A new version is compared with what it replaces before it reaches anybody. */
import test, { type ExecutionContext } from 'ava';
import * as v from 'valibot';
import type { FettleError } from '../../shared/errors.ts';
import type { ModelRecord } from '../../shared/protocol/api.ts';
import { VersionComparison } from '../../shared/protocol/comparisons.ts';
import { AuditEntry } from '../../shared/protocol/people.ts';
import { RolloutPreview, RolloutRecord } from '../../shared/protocol/rollouts.ts';
import { startTestController, type TestController } from '../support/controller.ts';
import { startDevice } from '../support/device.ts';
import { fettle, temporaryFolder } from '../support/fettle.ts';
import { pushTiny } from '../support/push.ts';
import { type TinyOptions, writeTinyPackage } from '../support/tiny-package.ts';
import { until } from '../support/until.ts';

const quick = { model: 'tiny', soakSeconds: 0, waves: [{ percent: 100 }] };

function start({ client }: TestController, body: object = {}): Promise<RolloutRecord> {
  const options = { method: 'POST', body: { ...quick, ...body } } as const;
  return client.call(RolloutRecord, '/api/v1/rollouts', options);
}

async function preview({ client }: TestController, body: object = {}) {
  const options = { method: 'POST', body: { ...quick, ...body } } as const;
  return (await client.call(RolloutPreview, '/api/v1/rollouts/preview', options)).comparisons;
}

async function compared({ client }: TestController, version: number) {
  const path = `/api/v1/models/tiny/${version}/comparisons?waitSeconds=60`;
  return (await client.call(v.object({ items: v.array(VersionComparison) }), path)).items;
}

/** One version after the other, and a device that serves the first. */
async function scene(
  t: ExecutionContext,
  ...versions: readonly TinyOptions[]
): Promise<{ test: TestController; models: ModelRecord[] }> {
  const test = await startTestController(t);
  const models: ModelRecord[] = [];
  for (const options of versions) models.push(await pushTiny(test, temporaryFolder(t), options));
  return { test, models };
}

async function serve(t: ExecutionContext, test: TestController, version: number): Promise<void> {
  const { url } = test.controller;
  const token = await test.enrolmentToken();
  await startDevice(t, { url, token, name: 'pi-1' });
  const { id } = await start(test, { version, force: true });
  await until('the device serves', async () => {
    const { state } = await test.client.call(RolloutRecord, `/api/v1/rollouts/${id}`);
    return state === 'succeeded';
  });
}

test('a version that answers worse than what it replaces starts only with force', async (t) => {
  const { test } = await scene(t, {}, { wrongBy: 1 });
  await serve(t, test, 1);
  const reason =
    'top1 is 0 % on 24 samples, 100 % with version 1: ' +
    '100 points of top1 lost, 1 point of top1 allowed';
  const [asked] = await preview(test);
  const figures = { against: 1, devices: 1, basis: 'quality', metric: 'top1', before: 1, after: 0 };
  t.like(asked, { ...figures, state: 'falls', reason });
  const error = await t.throwsAsync<FettleError>(start(test), { code: 'VERSION_WORSE' });
  t.is(error?.message, `tiny 2: ${reason}`);
  t.regex(error?.hint ?? '', /--force/);
  const forced = await start(test, { force: true });
  t.like(forced, { version: 2, forced: true, gates: { liveAgreement: null } });
  t.like(forced.comparisons[0], { ...figures, state: 'falls' });
  const Entries = v.object({ items: v.array(AuditEntry) });
  const { items } = await test.client.call(Entries, '/api/v1/audit?limit=5');
  const entry = items.find(({ action }) => action === `FORCED /api/v1/rollouts/${forced.id}`);
  t.true(entry?.detail.includes(reason), entry?.detail);
  // The way back is none to be kept from.
  t.false((await start(test, { version: 1 })).forced);
});

test('push, dry-run and start say it on the command line, and start refuses', async (t) => {
  const { test } = await scene(t, {});
  await serve(t, test, 1);
  const home = temporaryFolder(t);
  const folder = await writeTinyPackage(temporaryFolder(t), { wrongBy: 1 });
  const { url, adminToken } = test.controller;
  const env = { FETTLE_CONTROLLER: url, FETTLE_TOKEN: adminToken };
  const says = /against version 1 on 1 device: WORSE: top1 is 0 % .*, 100 % with version 1/;
  const pushed = await fettle(['push', folder], { home, env });
  t.is(pushed.code, 0, pushed.stderr);
  t.regex(pushed.stdout, says);
  const dry = await fettle(['rollout', 'start', 'tiny', '--dry-run'], { home, env });
  t.is(dry.code, 0, dry.stderr);
  t.regex(dry.stdout, says);
  const refused = await fettle(['rollout', 'start', 'tiny'], { home, env });
  t.is(refused.code, 3);
  t.regex(refused.stderr, /^error VERSION_WORSE: tiny 2: top1 is 0 % .*, 100 % with version 1/);
  const forced = await fettle(['rollout', 'start', 'tiny', '--force', '--json'], { home, env });
  t.is(forced.code, 0, forced.stderr);
  t.true(v.parse(RolloutRecord, JSON.parse(forced.stdout)).forced);
});

test('what devices serve now is what is replaced, not the newest before', async (t) => {
  const { test } = await scene(t, {}, { wrongBy: 1 }, { wrongBy: 1, bias: 1 });
  t.like((await compared(test, 3))[0], { against: 2, devices: 0, state: 'holds' });
  await serve(t, test, 1);
  t.like((await compared(test, 3))[0], { against: 1, devices: 1, state: 'falls' });
  t.deepEqual(await compared(test, 1), [], 'nothing is before the first');
});

test('on another evaluation set both are run, once, and the figures are of that set', async (t) => {
  const { test } = await scene(t, {}, { wrongBy: 1, evaluation: 3 });
  const [first] = await compared(test, 2);
  const figures = { basis: 'quality', before: 1, after: 0, agreement: 0, samples: 24 };
  t.like(first, { ...figures, state: 'falls' });
  const again = await test.restart();
  await t.throwsAsync(start(again), { code: 'VERSION_WORSE' });
  // Without its files nothing could be run a second time.
  t.deepEqual(await compared(again, 2), first ? [first] : []);
});

test('without labels it counts how far both answer alike', async (t) => {
  const unlabelled = { labels: false, bias: 1 };
  const { test } = await scene(t, {}, unlabelled, { ...unlabelled, wrongBy: 1 });
  const [same] = await compared(test, 2);
  t.like(same, { against: 1, state: 'holds', basis: 'agreement', agreement: 1, limit: 0.5 });
  const [other] = await compared(test, 3);
  t.like(other, { against: 2, state: 'falls', basis: 'agreement', agreement: 0 });
  const reason = /answers 0 % of 24 samples as version 2 does, at least 50 % expected/;
  await t.throwsAsync(start(test), { code: 'VERSION_WORSE', message: reason });
  const meant = { gates: { liveAgreement: null } };
  t.false((await start(test, meant)).forced, 'a rollout that asks for no agreement starts');
});

test('what a package allows to differ is not held against its version', async (t) => {
  const manifest = { limits: { agreement: 0 } };
  const { test } = await scene(t, {}, { labels: false, wrongBy: 1, manifest });
  t.like((await compared(test, 2))[0], { state: 'holds', agreement: 0, limit: 0 });
  const lenient = { quality: { metric: 'top1', maxDrop: 1 } };
  await pushTiny(test, temporaryFolder(t), { wrongBy: 1, manifest: lenient });
  t.like((await compared(test, 3))[0], { against: 2, state: 'holds' });
});

const incomparable: readonly (readonly [string, TinyOptions, RegExp])[] = [
  ['no evaluation data', { data: false }, /version 1: version 2 has no evaluation data$/],
  [
    'other inputs',
    { features: 5 },
    /version 1: version 1 does not take the evaluation data of version 2 \(evaluation\.npz: .* x/,
  ],
];

for (const [what, options, reason] of incomparable) {
  test(`${what}: nothing can be compared, why is said, and it starts`, async (t) => {
    const { test } = await scene(t, {}, options);
    t.like((await compared(test, 2))[0], { state: 'unknown', basis: 'nothing' });
    t.regex((await preview(test))[0]?.reason ?? '', reason);
    t.like(await start(test), { version: 2, forced: false });
  });
}

test('a comparison that ended its process too often is not begun again', async (t) => {
  const { test } = await scene(t, {}, { evaluation: 3 });
  await test.stop();
  const pair = { model: 'tiny', version: 2, against: 1, state: 'measuring' };
  const record = JSON.stringify({ ...pair, measured: null, reason: null });
  test.execute(`insert into comparisons values ('tiny', 2, 1, '${record}')`);
  test.execute(`insert into starts values ('comparing tiny 2 with 1', 3)`);
  const again = await test.restart();
  const [found] = await compared(again, 2);
  t.like(found, { state: 'unknown', basis: 'nothing' });
  t.regex(found?.reason ?? '', /running both ended the process 3 times/);
});

test('a comparison that was under way is taken up again', async (t) => {
  const { test } = await scene(t, {}, { evaluation: 3 });
  await test.stop();
  const pair = { model: 'tiny', version: 2, against: 1, state: 'measuring' };
  const record = JSON.stringify({ ...pair, measured: null, reason: null });
  test.execute(`insert into comparisons values ('tiny', 2, 1, '${record}')`);
  test.execute(`insert into starts values ('comparing tiny 2 with 1', 1)`);
  const again = await test.restart();
  t.like((await compared(again, 2))[0], { state: 'holds', before: 1, after: 1 });
});
