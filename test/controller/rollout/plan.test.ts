import test from 'ava';
import { planRollout } from '../../../controller/rollout/plan.ts';
import { change, memberOf, next, rolloutOf, says, viewsOf } from '../../support/rollout-play.ts';

const four = ['a', 'b', 'c', 'd'];

test('waves open one after another, each after its soak', (t) => {
  const views = viewsOf(four);
  let [rollout, plan] = next(rolloutOf(), views, 0);
  t.deepEqual(plan.admit, ['a']);
  t.deepEqual(
    plan.members.map(({ device, wave }) => [device, wave]),
    [
      ['a', 1],
      ['b', 2],
      ['c', 3],
      ['d', 3],
    ],
  );
  [rollout, plan] = next(rollout, views, 1000);
  t.deepEqual(plan.admit, []);
  t.is(memberOf(plan, 'a')?.state, 'updating');
  t.is(memberOf(plan, 'a')?.revision, 1);
  // The device answers with it and soaks: it counts the time, nobody counts it again.
  says(views, 'a proving', 2000);
  [rollout, plan] = next(rollout, views, 2000);
  t.is(memberOf(plan, 'a')?.state, 'soaking');
  [rollout, plan] = next(rollout, views, 40_000);
  t.deepEqual([plan.wave, plan.admit], [1, []]);
  says(views, 'a serving', 41_000);
  [rollout, plan] = next(rollout, views, 41_000);
  t.is(memberOf(plan, 'a')?.state, 'succeeded');
  t.deepEqual([plan.wave, plan.admit], [2, ['b']]);
  says(views, 'b serving', 42_000);
  [rollout, plan] = next(rollout, views, 42_000);
  t.deepEqual([plan.wave, plan.admit], [3, ['c', 'd']]);
  for (const device of ['c', 'd']) says(views, `${device} serving`, 43_000);
  [rollout, plan] = next(rollout, views, 43_000);
  t.is(plan.state, 'succeeded');
  t.is(plan.reason, '4 of 4 devices serve it');
  t.deepEqual(planRollout(rollout, views, 44_000), plan, 'asking again changes nothing');
});

test('silence is a failure, and enough failures pause it', (t) => {
  const views = viewsOf(four);
  let [rollout, plan] = next(rolloutOf({ maxFailures: 1 }), views, 0);
  [rollout, plan] = next(rollout, views, 0);
  [rollout, plan] = next(rollout, views, 60_000);
  t.is(plan.state, 'running');
  [rollout, plan] = next(rollout, views, 60_001);
  t.is(plan.state, 'paused');
  t.regex(plan.reason, /1 failed, the limit is 1; a: said nothing new for 60 s/);
  t.deepEqual(plan.admit, []);
  // A person looks at it and goes on: this failure doesn't pause it again.
  const members = rollout.members.map((member) => ({ ...member, accepted: true }));
  [rollout, plan] = next({ ...rollout, members, state: 'running' }, views, 61_000);
  t.deepEqual([plan.state, plan.wave, plan.admit], ['running', 2, ['b']]);
  // It speaks after all: it was late, not lost.
  says(views, 'a serving', 62_000);
  [rollout, plan] = next(rollout, views, 62_000);
  t.is(memberOf(plan, 'a')?.state, 'succeeded');
});

test('a device that reports a failure counts at once, with its reason', (t) => {
  const views = viewsOf(['a', 'b']);
  let [rollout, plan] = next(rolloutOf({ maxFailures: 1 }), views, 0);
  says(views, 'a failed', 5);
  [rollout, plan] = next(rollout, views, 5);
  t.is(plan.state, 'paused');
  t.regex(plan.reason, /a: failed/);
  t.is(memberOf(rollout, 'b')?.state, 'waiting');
});

test('a regression after success reopens it', (t) => {
  const views = viewsOf(['a']);
  let [rollout, plan] = next(rolloutOf({ soakSeconds: 0, maxFailures: 1 }), views, 0);
  says(views, 'a serving', 1);
  [rollout, plan] = next(rollout, views, 1);
  t.is(plan.state, 'succeeded');
  says(views, 'a failed', 2);
  [rollout, plan] = next(rollout, views, 2);
  t.is(plan.state, 'paused');
});

test('a device that joins later reopens a rollout that had succeeded', (t) => {
  const views = viewsOf(['a']);
  let [rollout, plan] = next(rolloutOf({ soakSeconds: 0 }), views, 0);
  says(views, 'a serving', 1);
  [rollout, plan] = next(rollout, views, 1);
  t.is(plan.state, 'succeeded');
  for (const [name, view] of viewsOf(['late'])) views.set(name, view);
  [rollout, plan] = next(rollout, views, 2);
  t.deepEqual([plan.state, plan.admit], ['running', ['late']]);
});

test('a member that a later rollout takes is no member any more, unless it was done', (t) => {
  const views = viewsOf(['a', 'b', 'c']);
  let [rollout, plan] = next(rolloutOf({ waves: [{ percent: 100 }], soakSeconds: 0 }), views, 0);
  says(views, 'a serving', 1);
  [rollout, plan] = next(rollout, views, 1);
  for (const device of ['a', 'b']) {
    change(views, device, () => ({ ours: false, wanted: false, revision: 9, report: null }));
  }
  [rollout, plan] = next(rollout, views, 2);
  t.deepEqual(
    plan.members.map(({ device, state }) => [device, state]),
    [
      ['a', 'succeeded'],
      ['c', 'updating'],
    ],
  );
});

test('a crash between publishing and storing is healed from the document', (t) => {
  const views = viewsOf(['a', 'b']);
  const [rollout, plan] = next(rolloutOf(), views, 0);
  t.is(memberOf(rollout, 'a')?.revision, null, 'the plan was stored before the document went out');
  const again = planRollout(rollout, views, 5);
  t.deepEqual(again.admit, []);
  t.is(memberOf(again, 'a')?.revision, 1);
  t.deepEqual(plan.admit, ['a']);
});

test('devices that are online go first', (t) => {
  const views = viewsOf(four);
  for (const device of ['a', 'b']) change(views, device, () => ({ online: false }));
  t.deepEqual(planRollout(rolloutOf(), views, 0).admit, ['c']);
});

test('no device yet is said, and nothing ends', (t) => {
  const plan = planRollout(rolloutOf(), new Map(), 0);
  t.is(plan.state, 'running');
  t.is(plan.reason, 'no device matches the selector yet');
});
