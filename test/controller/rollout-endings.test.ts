/** How rollouts end, as scripts see it: exit codes, what a breach rested on, who was superseded. */
import test, { type ExecutionContext } from 'ava';
import { RolloutRecord } from '../../shared/protocol/rollouts.ts';
import { startTestController, type TestController } from '../support/controller.ts';
import { type DeviceOptions, type SimulatedDevice, startDevice } from '../support/device.ts';
import { servingOf, windowOf } from '../support/documents.ts';
import { fettle, temporaryFolder } from '../support/fettle.ts';
import { pushTiny } from '../support/push.ts';
import { until } from '../support/until.ts';

interface Scene {
  readonly test: TestController;
  readonly add: (name: string, rest?: Partial<DeviceOptions>) => Promise<SimulatedDevice>;
  readonly run: (...words: readonly string[]) => ReturnType<typeof fettle>;
}

async function scene(t: ExecutionContext): Promise<Scene> {
  const test = await startTestController(t);
  await pushTiny(test, temporaryFolder(t));
  const token = await test.enrolmentToken(20);
  const { url, adminToken } = test.controller;
  const home = temporaryFolder(t);
  const whom = ['--controller', url, '--token', adminToken];
  return {
    test,
    add: (name, rest) => startDevice(t, { url, token, name, ...rest }),
    run: (...words) => fettle(['rollout', ...words, ...whom], { home }),
  };
}

function reaches(
  { client }: TestController,
  name: string,
  holds: (record: RolloutRecord) => boolean,
): Promise<RolloutRecord> {
  let last: RolloutRecord | null = null;
  const look = async () => {
    last = await client.call(RolloutRecord, `/api/v1/rollouts/${name}`);
    return holds(last) ? last : null;
  };
  return until(`rollout ${name}`, look).catch((thrown) => {
    throw new Error(`${last?.state}: ${last?.reason}`, { cause: thrown });
  });
}

const quick = ['--waves', '100%', '--soak-seconds', '0'];

test('a command that waits ends with the code of the outcome', async (t) => {
  const { add, run } = await scene(t);
  await add('good', { labels: { room: 'hall' } });
  await add('bad', { behaviour: 'fail', labels: { room: 'lab' } });
  const started = (room: string, ...more: readonly string[]) =>
    run('start', 'tiny', '--selector', `room=${room}`, ...quick, ...more);
  t.is((await started('hall', '--wait')).code, 0);
  t.is((await started('lab', '--wait')).code, 6, 'paused');
  t.is((await run('status', 'tiny', '--watch')).code, 6);
  t.is((await run('status', 'tiny')).code, 0, 'nothing is waited for');
  t.is((await run('resume', 'tiny')).code, 0, 'by the name of its model');
  t.is((await run('status', 'tiny', '--watch')).code, 3, 'no device serves it');
  t.is((await started('lab', '--wait', '--on-breach', 'abort')).code, 5);
  const back = await started('lab', '--wait', '--on-breach', 'rollback');
  t.is(back.code, 4, back.stderr);
  t.regex(back.stdout, / {2}rolled back {2}wave 1 of 1\n/);
  const barred = await started('hall', '--approve-waves', 'all', '--wait');
  t.is(barred.code, 6, 'waits for approval');
  t.is((await run('abort', 'tiny')).code, 0);
  t.is((await run('status', 'tiny', '--watch')).code, 5);
  t.is((await run('start', 'tiny', '--selector', 'room=attic')).code, 1);
  t.is((await run('start', 'tiny', '--selector', 'room=attic', '--allow-empty')).code, 0);
  t.is((await run('start', 'tiny', '--waves', '50%,10%')).code, 1);
  const again = await started('lab', '--dry-run');
  t.regex(again.stdout, /warning: tiny 1 was rolled back on \S+ \S+ \(tiny-1-\w+\): rolled back: /);
});

test('what a breach rested on stays, also over a restart', async (t) => {
  const { test, add, run } = await scene(t);
  const a = await add('a', { behaviour: 'manual' });
  await add('b');
  let seq = 0;
  const send = async (version: number, errors: number) => {
    seq += 1;
    const windows = [{ ...windowOf(seq, new Date(), 40), version, errors }];
    await a.send('telemetry', { v: 1, device: 'a', spool: 'a', dropped: 0, windows });
    await until('stored', () => a.acks.some(({ telemetry }) => telemetry?.seq === seq));
  };
  await run('start', 'tiny', ...quick);
  await a.goal(1);
  await a.report('serving');
  await reaches(test, 'tiny', ({ state }) => state === 'succeeded');
  await pushTiny(test, temporaryFolder(t), { bias: 1 });
  await send(1, 0);
  const terms = { model: 'tiny', soakSeconds: 60, onBreach: 'rollback' };
  const body = { ...terms, waves: [{ count: 1 }, { percent: 100 }] };
  await test.client.call(RolloutRecord, '/api/v1/rollouts', { method: 'POST', body });
  const goal = await a.goal(2);
  if (!goal.model) return t.fail('no model');
  await a.report('proving', { serving: servingOf(goal.model) });
  await reaches(test, 'tiny', ({ members }) => members.some(({ state }) => state === 'soaking'));
  await send(2, 20);
  t.is(goal.model.version, 2);
  await reaches(test, 'tiny', ({ state }) => state === 'rolled back');
  await a.goal(3);
  await a.report('serving');
  const again = await test.restart();
  const { state, verdicts, breach, endedAt } = await reaches(again, 'tiny', () => true);
  t.is(state, 'rolled back');
  t.truthy(endedAt);
  const errors = verdicts.find(({ gate }) => gate === 'errors');
  t.like(errors, { state: 'breached', value: 0.5, samples: 40 });
  t.is(breach?.devices.length, 1);
  t.like(breach?.devices[0], { device: 'a', state: 'soaking' });
  t.like(breach?.devices[0]?.now, { requests: 40, errors: 20 });
  t.like(breach?.devices[0]?.before, { requests: 40, errors: 0 });
});

test('a rollout whose devices a newer one took has ended, and names it', async (t) => {
  const { test, add, run } = await scene(t);
  const a = await add('a', { behaviour: 'manual' });
  await run('start', 'tiny', ...quick);
  const old = await reaches(test, 'tiny', () => true);
  await a.goal(1);
  const waits = run('status', old.id, '--watch');
  await run('start', 'tiny', ...quick);
  const newer = await reaches(test, 'tiny', ({ id }) => id !== old.id);
  t.is((await waits).code, 7);
  const ended = await reaches(test, old.id, ({ state }) => state === 'superseded');
  t.is(ended.reason, `superseded: its devices (1) are given rollout ${newer.id}`);
});
