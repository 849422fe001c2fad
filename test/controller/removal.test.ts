/** Models, versions and rollouts that go: not while something needs them. */
import test from 'ava';
import * as v from 'valibot';
import { ModelRecord, VariantRecord } from '../../shared/protocol/api.ts';
import { Archived, RemovalPlan, Removed } from '../../shared/protocol/removal.ts';
import { RolloutRecord } from '../../shared/protocol/rollouts.ts';
import { startTestController, type TestController } from '../support/controller.ts';
import { startDevice } from '../support/device.ts';
import { fettle, temporaryFolder } from '../support/fettle.ts';
import { pushTiny } from '../support/push.ts';
import { until } from '../support/until.ts';

/** A machine that is busy builds variants slowly. */
const patience = { timeoutMs: 240_000 };

const Models = v.object({ items: v.array(ModelRecord) });
const Variants = v.object({ items: v.array(VariantRecord) });
const Rollouts = v.object({ items: v.array(RolloutRecord) });
const Audit = v.object({ items: v.array(v.looseObject({ action: v.string() })) });

function doorsOf({ client }: TestController) {
  return {
    remove: (path: string) => client.call(Removed, `/api/v1/${path}`, { method: 'DELETE' }),
    plan: (path: string) => client.call(RemovalPlan, `/api/v1/${path}/removal`),
    archive: (path: string) => client.call(Archived, `/api/v1/${path}/archive`, { method: 'POST' }),
    restore: (path: string) => client.call(Archived, `/api/v1/${path}/restore`, { method: 'POST' }),
    async versions(query = '') {
      const { items } = await client.call(Models, `/api/v1/models${query}`);
      return items.map(({ version }) => version);
    },
    async rollOut(version: number) {
      const body = { model: 'tiny', version, soakSeconds: 0, watchSeconds: 0, force: true };
      const { id } = await client.call(RolloutRecord, '/api/v1/rollouts', { method: 'POST', body });
      await until(
        `rollout of ${version}`,
        async () => {
          const { state } = await client.call(RolloutRecord, `/api/v1/rollouts/${id}`);
          return state === 'succeeded';
        },
        patience,
      );
      // Variants are built ahead of the devices that ask for them.
      const path = `/api/v1/models/tiny/${version}/variants`;
      await until(
        `variants of ${version}`,
        async () => {
          const { items } = await client.call(Variants, path);
          const open = items.filter(({ state }) => state === 'queued' || state === 'building');
          return items.length > 0 && open.length === 0;
        },
        patience,
      );
      return id;
    },
  };
}

test('what a device or a rollout needs stays, and the error names who needs it', async (t) => {
  t.timeout(600_000);
  const test = await startTestController(t);
  const { remove, plan, archive, restore, rollOut } = doorsOf(test);
  for (const bias of [0, 1]) await pushTiny(test, temporaryFolder(t), { bias });
  const token = await test.enrolmentToken();
  const { url } = test.controller;
  const device = await startDevice(t, { url, token, name: 'pi-1' });
  const first = await rollOut(1);
  const second = await rollOut(2);
  await t.throwsAsync(remove('models/tiny/2'), {
    code: 'NEEDED',
    message: [
      'tiny 2 is needed: pi-1 serves it',
      'pi-1 is to run it',
      `rollout ${second} (succeeded) rolls it out`,
    ].join('; '),
  });
  const { needs } = await plan('models/tiny/1');
  t.deepEqual(needs, [
    `rollout ${first} (succeeded) rolls it out`,
    `rollout ${second} (succeeded) would give it back`,
  ]);
  await t.throwsAsync(remove('models/tiny/1'), { code: 'NEEDED' });
  await t.throwsAsync(archive('models/tiny/1'), { code: 'NEEDED' });
  await t.throwsAsync(remove(`rollouts/${second}`), {
    message: `rollout ${second} is needed: pi-1 has its goal from it`,
  });
  await t.throwsAsync(remove('rollouts/tiny'), { code: 'NOT_FOUND' });

  // Nobody has a goal from the first: archived it is out of the list, and stays out of the way.
  await archive(`rollouts/${first}`);
  const listed = async (query = '') =>
    (await test.client.call(Rollouts, `/api/v1/rollouts${query}`)).items.map(({ id }) => id);
  t.deepEqual(await listed(), [second]);
  t.deepEqual(await listed('?archived=true'), [second, first]);
  await t.throwsAsync(
    test.client.call(RolloutRecord, `/api/v1/rollouts/${first}/rollback`, { method: 'POST' }),
    { code: 'CONFLICT', message: new RegExp(`fettle rollout restore ${first}`) },
  );
  await restore(`rollouts/${first}`);
  t.deepEqual(await listed(), [second, first]);

  // Without the device nobody needs anything but what stands.
  await test.client.call(v.unknown(), '/api/v1/devices/pi-1', { method: 'DELETE' });
  await archive(`rollouts/${first}`);
  await archive('models/tiny/1');
  await t.throwsAsync(restore(`rollouts/${first}`), {
    code: 'CONFLICT',
    message: /tiny 1, which is archived/,
  });
  await restore('models/tiny/1');
  for (const id of [first, second]) await remove(`rollouts/${id}`);
  const removed = await remove('models/tiny');
  t.is(removed.what, 'tiny (versions 2, 1)');
  t.true(removed.variants > 0);
  const restarted = await test.restart();
  t.deepEqual(await doorsOf(restarted).versions('?archived=true'), []);
  t.deepEqual((await restarted.client.call(Rollouts, '/api/v1/rollouts?archived=true')).items, []);
  await device.end();
});

test('a version goes with its files and its number, and the audit log says so', async (t) => {
  t.timeout(600_000);
  const test = await startTestController(t);
  const { client, controller } = test;
  const { plan, archive, versions, rollOut } = doorsOf(test);
  for (const bias of [0, 1]) await pushTiny(test, temporaryFolder(t), { bias });
  await archive('models/tiny/2');
  t.deepEqual(await versions(), [1]);
  t.deepEqual(await versions('?archived=true'), [2, 1]);
  t.is((await client.call(ModelRecord, '/api/v1/models/tiny')).version, 1, 'not the newest now');
  await t.throwsAsync(rollOut(2), { code: 'CONFLICT', message: /model tiny 2 is archived/ });
  t.is((await pushTiny(test, temporaryFolder(t), { bias: 1 })).version, 2, 'the same content');
  t.deepEqual(await versions(), [2, 1], 'pushed again it is back');

  const { digest } = await client.call(ModelRecord, '/api/v1/models/tiny/2');
  const headers = { authorization: `Bearer ${controller.adminToken}` };
  const statusOf = async () =>
    (await fetch(`${controller.url}/api/v1/blobs/${digest}`, { headers })).status;
  t.is(await statusOf(), 200);
  const planned = await plan('models/tiny/2');
  t.true(planned.files > 0 && planned.bytes > 0);
  t.is(await statusOf(), 200, 'a plan removes nothing');
  const home = temporaryFolder(t);
  const whom = ['--controller', controller.url, '--token', controller.adminToken];
  const said = await fettle(['model', 'remove', 'tiny', '2', ...whom], { home });
  t.regex(said.stdout, /^tiny 2 is removed, with \d+ files? \(/, said.stderr);
  t.is(await statusOf(), 404, 'its file is gone');
  const restarted = await test.restart();
  t.deepEqual(await doorsOf(restarted).versions('?archived=true'), [1]);
  const again = await pushTiny(restarted, temporaryFolder(t), { bias: 1 });
  t.is(again.version, 3, 'a number is not given out again');
  const { items } = await restarted.client.call(Audit, '/api/v1/audit');
  const actions = items.map(({ action }) => action);
  t.true(actions.includes('DELETE /api/v1/models/tiny/2'), actions.join());
  t.true(actions.includes('REMOVED /api/v1/models/tiny/2'));
});
