import test, { type ExecutionContext } from 'ava';
import * as v from 'valibot';
import { DeviceDetail, type ModelRecord } from '../../shared/protocol/api.ts';
import { RolloutRecord } from '../../shared/protocol/rollouts.ts';
import { startTestController, type TestController } from '../support/controller.ts';
import { type DeviceOptions, type SimulatedDevice, startDevice } from '../support/device.ts';
import { tuningOf } from '../support/documents.ts';
import { temporaryFolder } from '../support/fettle.ts';
import { pushTiny } from '../support/push.ts';
import { until } from '../support/until.ts';

interface Scene {
  readonly test: TestController;
  readonly model: ModelRecord;
  readonly add: (name: string, rest?: Partial<DeviceOptions>) => Promise<SimulatedDevice>;
}

async function scene(t: ExecutionContext): Promise<Scene> {
  const test = await startTestController(t);
  const model = await pushTiny(test, temporaryFolder(t));
  const token = await test.enrolmentToken(20);
  const { url } = test.controller;
  return { test, model, add: (name, rest) => startDevice(t, { url, token, name, ...rest }) };
}

const quick = { model: 'tiny', soakSeconds: 0, waves: [{ percent: 100 }] };

async function start({ client }: TestController, body: object = {}): Promise<RolloutRecord> {
  const options = { method: 'POST', body: { ...quick, ...body } } as const;
  return client.call(RolloutRecord, '/api/v1/rollouts', options);
}

function act({ client }: TestController, id: string, action: string): Promise<RolloutRecord> {
  return client.call(RolloutRecord, `/api/v1/rollouts/${id}/${action}`, { method: 'POST' });
}

function reaches(
  { client }: TestController,
  id: string,
  holds: (record: RolloutRecord) => boolean,
): Promise<RolloutRecord> {
  let last: RolloutRecord | null = null;
  const look = async () => {
    last = await client.call(RolloutRecord, `/api/v1/rollouts/${id}`);
    return holds(last) ? last : null;
  };
  return until(`rollout ${id}`, look).catch((thrown) => {
    throw new Error(`${thrown}: ${last?.state}, ${last?.reason}`);
  });
}

test('a model reaches the devices that are selected, signed, with its candidates', async (t) => {
  const { test, model, add } = await scene(t);
  const inside = await add('in-1', { labels: { room: 'lab' } });
  const outside = await add('out-1', { labels: { room: 'office' } });
  const { id } = await start(test, { selector: 'room=lab,fact/arch=x64' });
  const goal = await inside.goal(1);
  t.like(goal.model, { name: 'tiny', version: 1, digest: model.digest, objective: 'latency' });
  // The device has AVX2 without VNNI: 8 bits are offered for its own kernels too.
  t.deepEqual(
    goal.model?.candidates.map(({ source, bits, target }) =>
      source ? 'source' : (target ?? bits),
    ),
    ['source', 8, 'x64', 32],
  );
  const done = await reaches(test, id, ({ state }) => state === 'succeeded');
  t.deepEqual(
    done.members.map(({ device }) => device),
    ['in-1'],
  );
  t.deepEqual(outside.desired, []);
});

test('a failing canary pauses the rollout; the others never hear of it', async (t) => {
  const { test, add } = await scene(t);
  await add('a', { behaviour: 'fail' });
  const b = await add('b');
  const waves = [{ count: 1 }, { percent: 100 }];
  const { id } = await start(test, { waves });
  const paused = await reaches(test, id, ({ state }) => state === 'paused');
  t.regex(paused.reason, /1 failed, the limit is 1; a: serving it: it crashed/);
  t.deepEqual(b.desired, []);
  await t.throwsAsync(act(test, id, 'pause'), { code: 'CONFLICT' });
  await act(test, id, 'resume');
  const done = await reaches(test, id, ({ state }) => state === 'succeeded');
  t.regex(done.reason, /1 of 2 devices serve it; 1 failed/);
});

test('a rollback gives every device what it ran before, with a higher revision', async (t) => {
  const { test, add } = await scene(t);
  const [a, b] = [await add('a'), await add('b')];
  const first = await start(test);
  await reaches(test, first.id, ({ state }) => state === 'succeeded');
  await pushTiny(test, temporaryFolder(t), { bias: 1 });
  const second = await start(test);
  t.is(second.version, 2);
  await reaches(test, second.id, ({ state }) => state === 'succeeded');
  const rolled = await act(test, second.id, 'rollback');
  t.is(rolled.state, 'rolled back');
  for (const device of [a, b]) {
    const goal = await device.goal(3);
    t.is(goal.model?.version, 1);
  }
  // A device that comes later gets what stands, which is the first rollout.
  const late = await add('late');
  t.is((await late.goal(1)).model?.version, 1);
});

test('an aborted rollout leaves what it did, and takes nobody else', async (t) => {
  const { test, add } = await scene(t);
  const a = await add('a', { behaviour: 'manual' });
  const { id } = await start(test, { waves: [{ count: 1 }, { percent: 100 }] });
  await a.goal(1);
  const aborted = await act(test, id, 'abort');
  t.is(aborted.state, 'aborted');
  t.truthy(aborted.endedAt);
  const late = await add('late');
  await a.report('serving');
  const { client } = test;
  await until('the report', async () => {
    const found = await client.call(DeviceDetail, '/api/v1/devices/a');
    return found.reported?.state === 'serving';
  });
  t.deepEqual([late.desired.length, a.desired.length], [0, 1]);
});

test('a device that enrols later joins, also one that is relabelled', async (t) => {
  const { test, add } = await scene(t);
  const selector = 'room=lab';
  const empty = { code: 'SELECTOR_EMPTY', message: /none of 0 devices matches .* room=lab/ };
  await t.throwsAsync(start(test, { selector }), empty);
  const { id, reason } = await start(test, { selector, allowEmpty: true });
  t.is(reason, 'no device matches the selector yet');
  const late = await add('late', { labels: { room: 'lab' } });
  t.is((await late.goal(1)).rollout, id);
  const moved = await add('moved', { labels: { room: 'office' } });
  const body = { room: 'lab' };
  const path = '/api/v1/devices/moved/labels';
  await test.client.call(v.unknown(), path, { method: 'PUT', body });
  t.is((await moved.goal(1)).rollout, id);
});

test('a restart in mid-rollout goes on, and a lost retained document comes again', async (t) => {
  const { test, add } = await scene(t);
  const a = await add('a', { behaviour: 'manual' });
  const b = await add('b');
  const { id } = await start(test, { waves: [{ count: 1 }, { percent: 100 }] });
  await a.goal(1);
  // The embedded broker keeps nothing: its restart loses every retained document.
  const again = await test.restart();
  const late = await add('a2', { behaviour: 'manual' });
  t.deepEqual(late.desired, []);
  await until('the device back', () => a.bus.connected);
  await a.report('serving');
  await b.goal(1);
  await late.goal(1);
  await late.report('serving');
  const done = await reaches(again, id, ({ state }) => state === 'succeeded');
  t.is(done.members.length, 3);
  t.deepEqual([a.desired.length, b.desired.length], [1, 1], 'no step was done twice');
});

test('what the first device of a class chose is handed to the next', async (t) => {
  const { test, add } = await scene(t);
  const first = await add('a', { hardwareClass: 'board-x', behaviour: 'manual' });
  await start(test);
  const goal = await first.goal(1);
  t.is(goal.hint, null);
  await first.send('tuning', tuningOf(goal, { v: 1, bits: 8 }, 'board-x'));
  await until('acknowledged', () => first.acks.some((ack) => ack.tuningRevision === 1));
  // Of one class the scout is through first.
  await first.report('serving');
  const same = await add('b', { hardwareClass: 'board-x' });
  const other = await add('c', { hardwareClass: 'board-y' });
  t.like((await same.goal(1)).hint, { hardwareClass: 'board-x', recipe: { v: 1, bits: 8 } });
  t.is((await other.goal(1)).hint, null);
});

test('what can not be rolled out is refused with what was expected', async (t) => {
  const { test } = await scene(t);
  const daily = { days: [], from: '01:00', to: '02:00' };
  const refused: readonly (readonly [object, string])[] = [
    [{ model: 'nothing' }, 'NOT_FOUND'],
    [{ version: 9 }, 'NOT_FOUND'],
    [{ selector: 'a in' }, 'BAD_ARGUMENT'],
    [{ waves: [] }, 'BAD_ARGUMENT'],
    [{ waves: [{}] }, 'BAD_ARGUMENT'],
    [{ waves: [{ count: 1, percent: 5 }] }, 'BAD_ARGUMENT'],
    [{ waves: [{ percent: 101 }] }, 'BAD_ARGUMENT'],
    [{ waves: [{ percent: 50 }, { percent: 10 }] }, 'BAD_ARGUMENT'],
    [{ waves: [{ count: 2 }, { count: 2 }] }, 'BAD_ARGUMENT'],
    [{ waves: [{ percent: 100 }, { count: 5 }] }, 'BAD_ARGUMENT'],
    [{ colour: 'red' }, 'BAD_ARGUMENT'],
    [{ gates: { colour: 1 } }, 'BAD_ARGUMENT'],
    [{ maintenance: { timeZone: 'Mars/Base', windows: [daily] } }, 'BAD_ARGUMENT'],
    [{ maintenance: { timeZone: 'UTC', windows: [{ ...daily, to: '24:10' }] } }, 'BAD_ARGUMENT'],
    [{ model: '../tiny' }, 'BAD_ARGUMENT'],
  ];
  for (const [body, code] of refused) await t.throwsAsync(start(test, body), { code });
  await t.throwsAsync(act(test, 'no-such', 'abort'), { code: 'NOT_FOUND' });
});
