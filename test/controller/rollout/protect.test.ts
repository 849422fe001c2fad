/** What protects a fleet from a rollout: scouts, limits, windows, approval, rollback. */
import test from 'ava';
import { planRollout } from '../../../controller/rollout/plan.ts';
import { change, memberOf, next, rolloutOf, says, viewsOf } from '../../support/rollout-play.ts';

const everyone = [{ percent: 100 }];

test('a scout of each class serves it before others of its class get it', (t) => {
  const views = viewsOf(['a1', 'a2', 'a3', 'b1', 'b2']);
  for (const name of ['b1', 'b2']) change(views, name, () => ({ class: 'arm64' }));
  let [rollout, plan] = next(rolloutOf({ waves: everyone, scouts: 1 }), views, 0);
  t.deepEqual(plan.admit, ['b1', 'a1']);
  [rollout, plan] = next(rollout, views, 1);
  t.deepEqual(plan.admit, []);
  t.is(memberOf(plan, 'a2')?.reason, 'waits for a1, a scout of class x64');
  says(views, 'b1 serving', 2);
  [rollout, plan] = next(rollout, views, 2);
  t.deepEqual(plan.admit, ['b2']);
  // A scout that fails is followed by the next one, alone.
  says(views, 'a1 failed', 3);
  [rollout, plan] = next(rollout, views, 3);
  t.deepEqual(plan.admit, ['a2']);
});

test('a wave has some of every class', (t) => {
  const views = viewsOf(['a1', 'a2', 'a3', 'b1', 'c1']);
  change(views, 'b1', () => ({ class: 'arm64' }));
  change(views, 'c1', () => ({ class: 'riscv' }));
  const { admit } = planRollout(rolloutOf({ waves: [{ count: 3 }, { percent: 100 }] }), views, 0);
  t.deepEqual(admit, ['b1', 'c1', 'a1']);
});

test('no more are under way at once than allowed', (t) => {
  const views = viewsOf(['a', 'b', 'c', 'd']);
  let [rollout, plan] = next(rolloutOf({ waves: everyone, maxConcurrent: 2 }), views, 0);
  t.deepEqual(plan.admit, ['a', 'b']);
  says(views, 'a serving', 1);
  [rollout, plan] = next(rollout, views, 1);
  t.deepEqual(plan.admit, ['c']);
});

test('the healthy share is kept, and a rollout that can not keep it asks a person', (t) => {
  const views = viewsOf(['a', 'b', 'c', 'd']);
  const terms = { waves: everyone, minHealthyPercent: 50, maxFailures: 9 };
  let [rollout, plan] = next(rolloutOf(terms), views, 0);
  t.deepEqual(plan.admit, ['a', 'b']);
  for (const word of ['a failed', 'b failed']) says(views, word, 1);
  [rollout, plan] = next(rollout, views, 1);
  t.deepEqual([plan.state, plan.admit, plan.waitsFor], ['paused', [], 'person']);
  t.regex(plan.reason, /2 of 4 failed, at most 2 may: 50 % must stay healthy/);
  const members = rollout.members.map((member) => ({ ...member, accepted: true }));
  [rollout, plan] = next({ ...rollout, members, state: 'running' }, views, 2);
  t.deepEqual(plan.admit, ['c', 'd']);
});

test('a wave that needs approval waits for it, the first one too', (t) => {
  const views = viewsOf(['a', 'b']);
  const waves = [
    { count: 1, approval: true },
    { percent: 100, approval: true },
  ];
  let [rollout, plan] = next(rolloutOf({ waves }), views, 0);
  t.deepEqual([plan.admit, plan.waitsFor], [[], 'approval']);
  [rollout, plan] = next({ ...rollout, approvedWave: 1 }, views, 1);
  t.deepEqual(plan.admit, ['a']);
  says(views, 'a serving', 2);
  [rollout, plan] = next(rollout, views, 2);
  t.deepEqual([plan.admit, plan.waitsFor], [[], 'approval']);
  t.regex(plan.reason, /wave 1 is done; wave 2 waits for approval/);
  [rollout, plan] = next({ ...rollout, approvedWave: 2 }, views, 3);
  t.deepEqual(plan.admit, ['b']);
});

test('outside of its maintenance window it waits, and says until when', (t) => {
  const views = viewsOf(['a']);
  const windows = [{ days: ['sat' as const], from: '22:00', to: '04:00' }];
  const maintenance = { timeZone: 'Europe/Berlin', windows };
  const rollout = rolloutOf({ maintenance });
  const at = (text: string) => planRollout(rollout, views, Date.parse(text));
  // 2026-11-21 is a Saturday; Berlin is an hour ahead of UTC then.
  const early = at('2026-11-21T20:59:00Z');
  t.deepEqual([early.admit, early.waitsFor], [[], 'maintenance']);
  t.regex(early.reason, /the next begins today at 22:00 Europe\/Berlin/);
  t.deepEqual(at('2026-11-21T21:00:00Z').admit, ['a']);
  t.deepEqual(at('2026-11-22T02:59:00Z').admit, ['a'], 'past midnight it is still open');
  t.deepEqual(at('2026-11-22T03:00:00Z').admit, []);
  t.regex(at('2026-11-24T03:00:00Z').reason, /the next begins sat at 22:00/);
});

test('a rollback is seen through, and is no concern of a device that ran the same before', (t) => {
  const views = viewsOf(['a', 'b', 'c']);
  let [rollout, plan] = next(rolloutOf({ waves: everyone, maxFailures: 9 }), views, 0);
  for (const word of ['a serving', 'b failed']) says(views, word, 1);
  [rollout, plan] = next(rollout, views, 1);
  const members = rollout.members.map((member) =>
    member.device === 'c' ? { ...member, ranSame: true } : member,
  );
  [rollout, plan] = next({ ...rollout, members, state: 'rolled back', reverting: true }, views, 2);
  t.deepEqual(plan.revert, ['a', 'b']);
  [rollout, plan] = next(rollout, views, 3);
  t.deepEqual(plan.revert, [], 'a device is given it back once');
  t.deepEqual(
    plan.members.map(({ device, state }) => [device, state]),
    [
      ['a', 'reverted'],
      ['b', 'reverted'],
      ['c', 'updating'],
    ],
  );
});

test('only the failed are tried anew, with a new revision', (t) => {
  const views = viewsOf(['a', 'b']);
  let [rollout, plan] = next(rolloutOf({ waves: everyone, maxFailures: 9 }), views, 0);
  for (const word of ['a serving', 'b failed']) says(views, word, 1);
  [rollout, plan] = next(rollout, views, 1);
  const members = rollout.members.map((member) =>
    member.device === 'b'
      ? { ...member, state: 'waiting' as const, retried: member.revision ?? 0, revision: null }
      : member,
  );
  [rollout, plan] = next({ ...rollout, members }, views, 2);
  t.deepEqual(plan.admit, ['b']);
  [rollout, plan] = next(rollout, views, 3);
  t.deepEqual([memberOf(plan, 'b')?.revision, memberOf(plan, 'a')?.revision], [2, 1]);
});

test('a regression after the watch is over does not reopen it', (t) => {
  const views = viewsOf(['a']);
  let [rollout, plan] = next(rolloutOf({ maxFailures: 1 }), views, 0);
  says(views, 'a serving', 1);
  [rollout, plan] = next(rollout, views, 1);
  t.is(plan.state, 'succeeded');
  says(views, 'a failed', 2);
  t.is(planRollout({ ...rollout, settled: true }, views, 3).state, 'succeeded');
  t.is(planRollout(rollout, views, 3).state, 'paused');
});
