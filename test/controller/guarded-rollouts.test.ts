/** Rollouts that protect the fleet, through the API: dry run, approval, retry, gates, rollback. */
import test, { type ExecutionContext } from 'ava';
import {
  type RolloutAsked,
  RolloutPreview,
  RolloutRecord,
} from '../../shared/protocol/rollouts.ts';
import { startTestController, type TestController } from '../support/controller.ts';
import { type DeviceOptions, type SimulatedDevice, startDevice } from '../support/device.ts';
import { profileOf, servingOf, windowOf } from '../support/documents.ts';
import { fettle, temporaryFolder } from '../support/fettle.ts';
import { pushTiny } from '../support/push.ts';
import { until } from '../support/until.ts';

interface Scene {
  readonly test: TestController;
  readonly add: (name: string, rest?: Partial<DeviceOptions>) => Promise<SimulatedDevice>;
}

async function scene(t: ExecutionContext): Promise<Scene> {
  const test = await startTestController(t);
  await pushTiny(test, temporaryFolder(t));
  const token = await test.enrolmentToken(20);
  const { url } = test.controller;
  return { test, add: (name, rest) => startDevice(t, { url, token, name, ...rest }) };
}

function start({ client }: TestController, terms: Partial<RolloutAsked>): Promise<RolloutRecord> {
  const body = { model: 'tiny', soakSeconds: 0, ...terms };
  return client.call(RolloutRecord, '/api/v1/rollouts', { method: 'POST', body });
}

function act({ client }: TestController, id: string, action: string): Promise<RolloutRecord> {
  return client.call(RolloutRecord, `/api/v1/rollouts/${id}/${action}`, { method: 'POST' });
}

function reaches(
  { client }: TestController,
  name: string,
  holds: (record: RolloutRecord) => boolean,
): Promise<RolloutRecord> {
  return until(`rollout ${name}`, async () => {
    const record = await client.call(RolloutRecord, `/api/v1/rollouts/${name}`);
    return holds(record) ? record : null;
  });
}

const all = [{ percent: 100 }];

test('a dry run says who would get what, what fits and why not, and does nothing', async (t) => {
  const { test, add } = await scene(t);
  const a = await add('a', { hardwareClass: 'big' });
  const b = await add('b', { hardwareClass: 'small' });
  const body = { model: 'tiny', waves: [{ count: 1 }, { percent: 100, approval: true }] };
  const preview = (what: string, holds: (found: RolloutPreview) => boolean) =>
    until(what, async () => {
      const path = '/api/v1/rollouts/preview';
      const found = await test.client.call(RolloutPreview, path, { method: 'POST', body });
      return holds(found) ? found : null;
    });
  await preview('both devices', ({ members }) => members.length === 2);
  const memory = { totalMiB: 64, availableMiB: 20, limitMiB: null };
  await b.send('profile', profileOf('b', 'small', { memory }));
  const found = await preview('its memory', (one) => one.members.some(({ fits }) => fits === 'no'));
  t.deepEqual(
    found.members.map(({ device, wave, scout, fits }) => [device, wave, scout, fits]),
    [
      ['a', 1, true, 'yes'],
      ['b', 2, true, 'no'],
    ],
  );
  t.regex(found.members[1]?.notes.join() ?? '', /memory: at least 49 MiB are needed, 20 MiB are/);
  t.true(found.notes.includes('approval is asked for before wave 2'));
  t.deepEqual([a.desired, b.desired], [[], []]);
});

test('a wave waits for approval, and for nobody else', async (t) => {
  const { test, add } = await scene(t);
  await add('a');
  const b = await add('b');
  const waves = [{ count: 1 }, { percent: 100, approval: true }];
  const { id } = await start(test, { waves });
  const waiting = await reaches(test, 'tiny', ({ waitsFor }) => waitsFor === 'approval');
  t.is(waiting.id, id, 'a model names its newest rollout');
  t.truthy(waiting.since);
  t.deepEqual(b.desired, []);
  await act(test, id, 'approve');
  await reaches(test, id, ({ state }) => state === 'succeeded');
  await t.throwsAsync(act(test, id, 'approve'), { code: 'CONFLICT' });
});

test('only the failed are tried anew', async (t) => {
  const { test, add } = await scene(t);
  const a = await add('a');
  const b = await add('b', { behaviour: 'fail' });
  const { id } = await start(test, { waves: all });
  await reaches(test, id, ({ state }) => state === 'paused');
  b.behaviour = 'serve';
  await act(test, id, 'retry');
  const done = await reaches(test, id, ({ state }) => state === 'succeeded');
  t.is(done.reason, '2 of 2 devices serve it');
  t.deepEqual([a.desired.length, b.desired.length], [1, 2]);
  await t.throwsAsync(act(test, id, 'retry'), { code: 'CONFLICT' });
});

test('what serves another file than a variant of the model is no success', async (t) => {
  const { test, add } = await scene(t);
  const a = await add('a', { behaviour: 'manual' });
  const { id } = await start(test, { waves: all });
  const { model } = await a.goal(1);
  if (!model) return t.fail('no model');
  const variant = `sha256:${'0'.repeat(64)}` as const;
  await a.report('serving', { serving: { ...servingOf(model), variant } });
  const seen = await reaches(test, id, ({ members }) =>
    /no variant/.test(members[0]?.reason ?? ''),
  );
  t.is(seen.members[0]?.state, 'updating');
  await a.report('serving');
  await reaches(test, id, ({ state }) => state === 'succeeded');
});

test('a slower version is rolled back by itself, also over a restart', async (t) => {
  const { test, add } = await scene(t);
  const a = await add('a', { behaviour: 'manual' });
  const first = await start(test, { waves: all });
  await a.goal(1);
  await a.report('serving');
  await reaches(test, first.id, ({ state }) => state === 'succeeded');
  let seq = 0;
  const send = async (version: number, factor: number) => {
    seq += 1;
    const window = windowOf(seq, new Date(), 40);
    const { latencyMs } = window;
    const buckets = factor === 1 ? latencyMs.buckets : { 120: 40 };
    const slower = { ...latencyMs, max: latencyMs.max * factor, buckets };
    const windows = [{ ...window, version, latencyMs: slower }];
    await a.send('telemetry', { v: 1, device: 'a', spool: 'a', dropped: 0, windows });
    await until('stored', () => a.acks.some(({ telemetry }) => telemetry?.seq === seq));
  };
  await send(1, 1);
  await pushTiny(test, temporaryFolder(t), { bias: 1 });
  const { id } = await start(test, { waves: all, soakSeconds: 60, onBreach: 'rollback' });
  await a.goal(2);
  await a.report('proving', { serving: servingOf((await a.goal(2)).model ?? t.fail()) });
  await reaches(test, id, ({ members }) => members[0]?.state === 'soaking');
  const again = await test.restart();
  await until('the device back', () => a.bus.connected);
  await send(2, 10);
  const ended = await reaches(again, id, ({ state }) => state === 'rolled back');
  t.regex(ended.reason, /^rolled back: class x64-test: p95 .* × its baseline, at most 2 ×/);
  t.is((await a.goal(3)).model?.version, 1);
  await a.report('serving');
  const back = await reaches(again, id, ({ members }) => members[0]?.state === 'reverted');
  t.regex(back.members[0]?.reason ?? '', /was given back what it ran before/);
});

test('the command line says what waits for what, and what the gates say', async (t) => {
  const { test, add } = await scene(t);
  const { url, adminToken } = test.controller;
  const home = temporaryFolder(t);
  const run = async (...words: readonly string[]) => {
    const whom = ['--controller', url, '--token', adminToken];
    const done = await fettle(['rollout', ...words, ...whom], { home });
    t.is(done.code, 0, done.stderr);
    return done.stdout;
  };
  const a = await add('a', { behaviour: 'manual', hardwareClass: 'pi-4' });
  await add('b', { behaviour: 'fail', hardwareClass: 'pi-4' });
  const terms = ['tiny', '--waves', '1,100%', '--max-failures', '2', '--soak-seconds', '0'];
  t.regex(await run('start', ...terms, '--dry-run'), /1 +a +pi-4 +scout +– +tiny 1 +yes/);
  await run('start', ...terms);
  await a.goal(1);
  await a.report('tuning', { reason: 'trial 3 of 9' });
  await reaches(test, 'tiny', ({ reason }) => /trial 3/.test(reason));
  const waiting = await run('status', 'tiny');
  t.regex(waiting, /1 +pi-4 +0\/1 +0 +\S+Z +a: tuning: trial 3 of 9/);
  t.regex(waiting, /2 +pi-4 +0\/1 +0 +\S+Z +wave 1 is not done/);
  t.regex(waiting, /latency +pi-4 +baseline +no data/);
  await a.report('serving');
  await reaches(test, 'tiny', ({ state }) => state === 'succeeded');
  const ended = await run('status', 'tiny', '--watch');
  t.regex(ended, /succeeded +wave 2 of 2\n1 of 2 devices serve it; 1 failed/);
  t.regex(ended, /FAILED +SINCE +REASON\nb +\S+Z +serving it: it crashed/);
});
