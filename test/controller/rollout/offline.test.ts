/** Devices that are offline when their turn comes: they wait, and count neither for nor against. */
import test from 'ava';
import { planRollout, type RolloutInput } from '../../../controller/rollout/plan.ts';
import {
  change,
  memberOf,
  next,
  rolloutOf,
  says,
  type Views,
  viewsOf,
} from '../../support/rollout-play.ts';

const everyone = [{ percent: 100 }];
const strict = { waves: everyone, maxFailures: 1, onBreach: 'rollback' as const };
const beginMs = 1_000_000;

function leave(views: Views, device: string): void {
  change(views, device, () => ({ online: false, seenMs: beginMs - 1 }));
}

function comeBack(views: Views, device: string, atMs: number): void {
  change(views, device, () => ({ online: true, seenMs: atMs }));
}

/** Everybody online serves it; the rollout as it is then. */
function carry(terms: Partial<RolloutInput>, views: Views): ReturnType<typeof next> {
  let [rollout] = next(rolloutOf(terms), views, beginMs);
  [rollout] = next(rollout, views, beginMs + 1);
  for (const { device, ours, online } of views.values()) {
    if (ours && online) says(views, `${device} serving`, beginMs + 2);
  }
  return next(rollout, views, beginMs + 2);
}

test('one that is off at the start is skipped, and joins when it is back', (t) => {
  const views = viewsOf(['a', 'b', 'c']);
  leave(views, 'b');
  let [rollout, plan] = carry(strict, views);
  t.is(plan.state, 'succeeded');
  t.is(plan.reason, '2 of 3 devices serve it; 1 offline, given it when back');
  t.like(memberOf(plan, 'b'), { state: 'waiting', offline: true, sinceMs: beginMs - 1 });
  [rollout, plan] = next(rollout, views, beginMs + 999_000);
  t.is(plan.state, 'succeeded', 'silence is no failure of one that was never there');
  comeBack(views, 'b', beginMs + 1_000_000);
  [rollout, plan] = next(rollout, views, beginMs + 1_000_000);
  t.deepEqual([plan.state, plan.admit], ['running', ['b']]);
  says(views, 'b failed', beginMs + 1_000_001);
  [rollout, plan] = next(rollout, views, beginMs + 1_000_001);
  t.deepEqual([plan.reverting, plan.revert], [true, ['a', 'b', 'c']], 'with the same protection');
});

test('one that turns out to have been off gives its place to the next', (t) => {
  const views = viewsOf(['a', 'b']);
  change(views, 'a', () => ({ seenMs: beginMs - 1 }));
  const waves = [{ count: 1 }, { percent: 100 }];
  let [rollout, plan] = next(rolloutOf({ ...strict, waves }), views, beginMs);
  t.deepEqual(plan.admit, ['a']);
  [rollout, plan] = next(rollout, views, beginMs + 1);
  // The broker notices late that it had gone before.
  leave(views, 'a');
  [rollout, plan] = next(rollout, views, beginMs + 45_000);
  t.like(memberOf(plan, 'a'), { state: 'waiting', offline: true });
  t.deepEqual([plan.wave, plan.admit], [1, ['b']], 'the canary is another one');
  [rollout, plan] = next(rollout, views, beginMs + 90_000);
  t.is(plan.state, 'running');
  comeBack(views, 'a', beginMs + 95_000);
  [rollout, plan] = next(rollout, views, beginMs + 95_000);
  t.is(memberOf(plan, 'a')?.state, 'updating');
  // Its time runs from now on, whether it stays or not.
  leave(views, 'a');
  change(views, 'a', () => ({ seenMs: beginMs + 95_000 }));
  says(views, 'b serving', beginMs + 96_000);
  [rollout, plan] = next(rollout, views, beginMs + 155_000);
  t.is(plan.state, 'running');
  [rollout, plan] = next(rollout, views, beginMs + 155_001);
  t.regex(plan.reason, /^rolled back: 1 failed.*a: said nothing new for 60 s/);
});

test('one that goes in the middle has its timeout, and then counts as failed', (t) => {
  const views = viewsOf(['a', 'b']);
  let [rollout, plan] = next(rolloutOf(strict), views, beginMs);
  [rollout, plan] = next(rollout, views, beginMs + 1);
  says(views, 'a tuning', beginMs + 10);
  says(views, 'b serving', beginMs + 10);
  change(views, 'a', () => ({ online: false }));
  [rollout, plan] = next(rollout, views, beginMs + 60_010);
  t.is(plan.state, 'running');
  [rollout, plan] = next(rollout, views, beginMs + 60_011);
  t.regex(plan.reason, /^rolled back: 1 failed/);
});

test('a rollout can wait for those that are offline, or count them as silent', (t) => {
  const views = viewsOf(['a', 'b', 'c']);
  for (const device of ['b', 'c']) leave(views, device);
  let [rollout, plan] = carry({ ...strict, offline: 'wait' }, new Map(views));
  t.deepEqual([plan.state, plan.waitsFor], ['running', 'devices']);
  t.regex(plan.reason, /1 of 3 done; waits until b and 1 more are online/);
  [rollout, plan] = carry({ ...strict, offline: 'fail' }, views);
  t.is(memberOf(plan, 'b')?.state, 'updating');
  [rollout, plan] = next(rollout, views, beginMs + 60_002);
  t.regex(plan.reason, /^rolled back: 2 failed, the limit is 1; b: said nothing new/);
});

test('a wave has its full number tried before the next, however few are online', (t) => {
  const views = viewsOf(['a', 'b', 'c', 'd', 'e', 'f']);
  for (const device of ['b', 'c', 'd', 'e', 'f']) leave(views, device);
  const waves = [{ count: 1 }, { count: 3 }, { percent: 100 }];
  let [rollout, plan] = carry({ ...strict, waves }, views);
  t.deepEqual([plan.state, plan.wave], ['succeeded', 2]);
  for (const device of ['b', 'c', 'd', 'e', 'f']) comeBack(views, device, beginMs + 9);
  [rollout, plan] = next(rollout, views, beginMs + 9);
  t.deepEqual(plan.admit, ['b', 'c'], 'a site that is back is no wave of its own');
});

test('where all are offline it waits, and where a person must approve too', (t) => {
  const views = viewsOf(['a', 'b']);
  for (const device of ['a', 'b']) leave(views, device);
  t.like(carry(strict, new Map(views))[1], { state: 'running', waitsFor: 'devices' });
  comeBack(views, 'a', beginMs - 1);
  const waves = [{ count: 1 }, { percent: 100, approval: true }];
  t.like(carry({ ...strict, waves }, views)[1], { state: 'running', waitsFor: 'approval' });
});

test('what the controller could not hear is no silence', (t) => {
  const views = viewsOf(['a', 'b']);
  let [rollout, plan] = next(rolloutOf(strict), views, beginMs);
  [rollout, plan] = next(rollout, views, beginMs + 1);
  says(views, 'a proving', beginMs + 2);
  says(views, 'b serving', beginMs + 2);
  [rollout, plan] = next(rollout, views, beginMs + 2);
  // The controller is away for ten minutes; at its return nobody is connected yet.
  for (const device of ['a', 'b']) change(views, device, () => ({ online: false }));
  const hearingMs = beginMs + 600_000;
  rollout = { ...rollout, hearingMs };
  [rollout, plan] = next(rollout, views, hearingMs);
  t.deepEqual([plan.state, memberOf(plan, 'a')?.state], ['running', 'soaking']);
  t.is(planRollout(rollout, views, hearingMs + 60_000).state, 'running');
  t.regex(planRollout(rollout, views, hearingMs + 60_001).reason, /a: said nothing new for 60 s/);
});

test('just after the start nobody is taken for offline, and nothing ends without them', (t) => {
  const views = viewsOf(['a', 'b']);
  let [rollout, plan] = next(rolloutOf({ ...strict, waves: [{ count: 1 }] }), views, beginMs);
  says(views, 'a serving', beginMs + 1);
  leave(views, 'b');
  rollout = { ...rollout, hearingMs: beginMs + 2 };
  [rollout, plan] = next(rollout, views, beginMs + 2);
  t.deepEqual([plan.state, plan.admit, memberOf(plan, 'b')?.offline], ['running', [], false]);
  [rollout, plan] = next(rollout, views, beginMs + 60_002);
  t.deepEqual([plan.state, memberOf(plan, 'b')?.offline], ['succeeded', true]);
});
