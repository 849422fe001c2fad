/** Gates without data: who sees that they are silent, and what an owner may require. */
import test from 'ava';
import type { RolloutInput } from '../../../controller/rollout/plan.ts';
import { describeOutlook } from '../../../shared/protocol/outlook-sentence.ts';
import { change, memberOf, next, rolloutOf, says, viewsOf } from '../../support/rollout-play.ts';

const usage = {
  ...{ requests: 0, errors: 0, latencyMsP95: 10, memoryMiB: 100 },
  ...{ temperatureC: null, outputDrift: null },
};
const waves = [{ count: 1 }, { percent: 100 }];

test('for each wave it is said which gates can speak, and what the others need', (t) => {
  const views = viewsOf(['a', 'b', 'c']);
  change(views, 'b', () => ({ otherUsage: { ...usage, requests: 30, temperatureC: 50 } }));
  const [, plan] = next(rolloutOf({ waves }), views, 0);
  t.deepEqual(plan.outlook.map(describeOutlook), [
    'wave 1 (1 device, 0 requests a minute): gates that can speak: failures, golden; ' +
      'latency needs 20 requests a minute on one device, the busiest has 0; ' +
      'errors needs 20 requests a minute of a class, there are 0; ' +
      'memory needs telemetry of the version before; ' +
      'temperature needs a device that reports its temperature; ' +
      'outputs needs 20 requests a minute on one device, the busiest has 0',
    'wave 2 (2 devices, 30 requests a minute): gates that can speak: ' +
      'failures, latency, errors, memory, temperature, golden, outputs',
  ]);
});

test('where data are required, silence is waited for and then a breach', (t) => {
  const views = viewsOf(['a', 'b']);
  const terms: Partial<RolloutInput> = { waves, requireData: true, onBreach: 'rollback' };
  let [rollout, plan] = next(rolloutOf(terms), views, 0);
  [rollout, plan] = next(rollout, views, 1);
  says(views, 'a serving', 2);
  change(views, 'a', () => ({ usage: { ...usage, requests: 19 } }));
  [rollout, plan] = next(rollout, views, 2);
  t.is(memberOf(plan, 'a')?.state, 'soaking');
  t.regex(memberOf(plan, 'a')?.reason ?? '', /data are required: fewer than 20 requests/);
  [rollout, plan] = next(rollout, views, 70_002);
  t.deepEqual([plan.state, plan.admit], ['running', []]);
  const heard = new Map(views);
  change(heard, 'a', () => ({ usage: { ...usage, requests: 20 } }));
  t.deepEqual(next(rollout, heard, 70_002)[1].admit, ['b']);
  [rollout, plan] = next(rollout, views, 70_003);
  t.is(plan.state, 'rolled back');
  const says19 = /rolled back: class x64: data are required: no data: 19 of the 20 requests/;
  t.regex(plan.reason, says19);
  // What it rested on stays, and does not move any more.
  t.is(plan.breach?.devices[0]?.now?.requests, 19);
  change(views, 'a', () => ({ usage: null }));
  [rollout, plan] = next(rollout, views, 90_000);
  t.regex(plan.verdicts.find(({ gate }) => gate === 'errors')?.reason ?? '', /19 of the 20/);
});

test('a rollout whose devices newer ones have taken ends, and says so', (t) => {
  const taken = { by: 'logs-1-abc', devices: 2 };
  const [, plan] = next(rolloutOf({ taken }), new Map(), 0);
  const reason = 'superseded: its devices (2) are given rollout logs-1-abc';
  t.like(plan, { state: 'superseded', reason });
});
