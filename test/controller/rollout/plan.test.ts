import test from 'ava';
import {
  type DeviceView,
  type Member,
  planRollout,
  type RolloutInput,
  type RolloutPlan,
} from '../../../controller/rollout/plan.ts';
import { targetOf } from '../../../controller/rollout/waves.ts';
import { createRandom } from '../../../shared/random.ts';

type Views = Map<string, DeviceView>;

function rolloutOf(rest: Partial<RolloutInput> = {}): RolloutInput {
  return {
    waves: [{ count: 1 }, { percent: 50 }, { percent: 100 }],
    wave: 1,
    state: 'running',
    reason: '',
    soakSeconds: 10,
    timeoutSeconds: 60,
    maxFailures: 2,
    members: [],
    ...rest,
  };
}

function viewsOf(names: readonly string[], rest: Partial<DeviceView> = {}): Views {
  return new Map(
    names.map((device) => [
      device,
      {
        device,
        wanted: true,
        online: true,
        seenMs: 0,
        revision: 0,
        ours: false,
        report: null,
        ...rest,
      },
    ]),
  );
}

/** What the dispatcher does: the admitted devices get a new revision of this rollout. */
function admit(views: Views, plan: RolloutPlan): void {
  for (const device of plan.admit) {
    change(views, device, (view) => ({ revision: view.revision + 1, ours: true, report: null }));
  }
}

function change(
  views: Views,
  device: string,
  how: (view: DeviceView) => Partial<DeviceView>,
): void {
  const view = views.get(device);
  if (view) views.set(device, { ...view, ...how(view) });
}

function says(views: Views, device: string, state: string, atMs: number): void {
  change(views, device, ({ revision }) => ({
    seenMs: atMs,
    report: { revision, state, reason: state, atMs, servesGoal: state === 'serving' },
  }));
}

function next(rollout: RolloutInput, views: Views, nowMs: number): [RolloutInput, RolloutPlan] {
  const plan = planRollout(rollout, views, nowMs);
  admit(views, plan);
  const { members, wave, state, reason } = plan;
  return [{ ...rollout, members, wave, state, reason }, plan];
}

function memberOf(plan: { members: readonly Member[] }, device: string): Member | undefined {
  return plan.members.find((member) => member.device === device);
}

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
  says(views, 'a', 'serving', 2000);
  [rollout, plan] = next(rollout, views, 2000);
  t.is(memberOf(plan, 'a')?.state, 'soaking');
  t.deepEqual(plan.admit, []);
  [rollout, plan] = next(rollout, views, 11_999);
  t.is(plan.wave, 1);
  [rollout, plan] = next(rollout, views, 12_000);
  t.is(memberOf(plan, 'a')?.state, 'succeeded');
  t.deepEqual([plan.wave, plan.admit], [2, ['b']]);
  says(views, 'b', 'serving', 13_000);
  [rollout, plan] = next(rollout, views, 13_000);
  [rollout, plan] = next(rollout, views, 23_000);
  t.deepEqual([plan.wave, plan.admit], [3, ['c', 'd']]);
  for (const device of ['c', 'd']) says(views, device, 'serving', 24_000);
  [rollout, plan] = next(rollout, views, 24_000);
  [rollout, plan] = next(rollout, views, 34_000);
  t.is(plan.state, 'succeeded');
  t.is(plan.reason, '4 of 4 devices serve it');
  t.deepEqual(planRollout(rollout, views, 40_000), plan, 'asking again changes nothing');
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
  says(views, 'a', 'serving', 62_000);
  [rollout, plan] = next(rollout, views, 62_000);
  t.is(memberOf(plan, 'a')?.state, 'soaking');
});

test('a device that reports a failure counts at once, with its reason', (t) => {
  const views = viewsOf(['a', 'b']);
  let [rollout, plan] = next(rolloutOf({ maxFailures: 1 }), views, 0);
  says(views, 'a', 'failed', 5);
  [rollout, plan] = next(rollout, views, 5);
  t.is(plan.state, 'paused');
  t.regex(plan.reason, /a: failed/);
  t.is(memberOf(rollout, 'b')?.state, 'waiting');
});

test('a regression after success reopens it', (t) => {
  const views = viewsOf(['a']);
  let [rollout, plan] = next(rolloutOf({ soakSeconds: 0, maxFailures: 1 }), views, 0);
  says(views, 'a', 'serving', 1);
  [rollout, plan] = next(rollout, views, 1);
  t.is(plan.state, 'succeeded');
  says(views, 'a', 'failed', 2);
  [rollout, plan] = next(rollout, views, 2);
  t.is(plan.state, 'paused');
});

test('a device that joins later reopens a rollout that had succeeded', (t) => {
  const views = viewsOf(['a']);
  let [rollout, plan] = next(rolloutOf({ soakSeconds: 0 }), views, 0);
  says(views, 'a', 'serving', 1);
  [rollout, plan] = next(rollout, views, 1);
  t.is(plan.state, 'succeeded');
  for (const [name, view] of viewsOf(['late'])) views.set(name, view);
  [rollout, plan] = next(rollout, views, 2);
  t.deepEqual([plan.state, plan.admit], ['running', ['late']]);
});

test('a member that a later rollout takes is no member any more, unless it was done', (t) => {
  const views = viewsOf(['a', 'b', 'c']);
  let [rollout, plan] = next(rolloutOf({ waves: [{ percent: 100 }], soakSeconds: 0 }), views, 0);
  says(views, 'a', 'serving', 1);
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

test('2,000 random histories keep the invariants', (t) => {
  for (let seed = 1; seed <= 2000; seed += 1) {
    const fault = history(seed);
    if (fault) return t.fail(`seed ${seed}: ${fault}`);
  }
  t.pass();
});

/** Plays a random history and returns what rule was broken, or null. Every device serves in the end. */
function history(seed: number): string | null {
  const random = createRandom(seed);
  const pick = (limit: number) => Math.floor(random() * limit);
  const names = Array.from({ length: 1 + pick(12) }, (_, index) => `d${index}`);
  const views = viewsOf(names.slice(0, 1 + pick(names.length)));
  const waves = [{ count: 1 + pick(3) }, { percent: 10 + pick(80) }, { percent: 100 }];
  let rollout = rolloutOf({ waves, soakSeconds: pick(30), maxFailures: 1 + pick(3) });
  let nowMs = 0;
  for (let turn = 0; turn < 60; turn += 1) {
    nowMs += pick(20_000);
    disturb(views, names, { pick, nowMs });
    const before = rollout;
    const [after, plan] = next(rollout, views, nowMs);
    rollout = after;
    const fault = broken(before, plan);
    if (fault) return `turn ${turn}: ${fault}`;
    if (plan.state === 'paused' && pick(3) === 0) {
      const members = plan.members.map((member) => ({ ...member, accepted: true }));
      rollout = { ...rollout, members, state: 'running' };
    }
  }
  return settle(rollout, views, nowMs);
}

interface Chance {
  readonly pick: (limit: number) => number;
  readonly nowMs: number;
}

function disturb(views: Views, names: readonly string[], { pick, nowMs }: Chance): void {
  const name = names[pick(names.length)] ?? 'd0';
  if (!views.has(name)) for (const [key, view] of viewsOf([name])) views.set(key, view);
  const view = views.get(name);
  const states = ['fetching', 'tuning', 'proving', 'serving', 'serving', 'serving', 'failed'];
  switch (pick(8)) {
    case 0:
      change(views, name, ({ online }) => ({ online: !online }));
      break;
    case 1:
      // Another rollout takes it, or lets it go.
      if (view?.ours) change(views, name, (old) => ({ ours: false, revision: old.revision + 1 }));
      change(views, name, ({ wanted }) => ({ wanted: !wanted }));
      break;
    default:
      if (view?.ours) says(views, name, states[pick(states.length)] ?? 'idle', nowMs);
  }
}

function broken(before: RolloutInput, plan: RolloutPlan): string | null {
  const known = new Map(before.members.map((member) => [member.device, member]));
  if (plan.wave < before.wave) return 'the wave fell';
  const admitted = plan.members.filter(({ revision }) => revision !== null).length;
  const target = targetOf(before.waves, plan.wave, plan.members.length);
  if (plan.admit.length > 0 && admitted + plan.admit.length > target) return 'wave overfilled';
  if (plan.state !== 'running' && plan.admit.length > 0) return `admitted while ${plan.state}`;
  const open = plan.members.filter(({ state }) => state === 'updating' || state === 'soaking');
  if (plan.wave > before.wave && open.length > 0) return 'a wave opened while one was open';
  const failed = plan.members.filter(({ state, accepted }) => state === 'failed' && !accepted);
  if (failed.length >= before.maxFailures && plan.state !== 'paused') return 'not paused';
  for (const { device, revision, state } of plan.members) {
    const old = known.get(device)?.revision ?? 0;
    if (revision !== null && revision < old) return `${device}: its revision fell`;
    if (revision === null && state !== 'waiting') return `${device}: ${state} without a revision`;
  }
  if (new Set(plan.members.map(({ device }) => device)).size < plan.members.length) return 'twice';
  return null;
}

/** Everything calms down: every device is wanted, online and serves what it is given. */
function settle(start: RolloutInput, views: Views, startMs: number): string | null {
  let rollout: RolloutInput = { ...start, state: 'running' };
  let nowMs = startMs;
  for (let turn = 0; turn < 40; turn += 1) {
    for (const name of views.keys()) {
      change(views, name, () => ({ wanted: true, online: true, seenMs: nowMs }));
      if (views.get(name)?.ours) says(views, name, 'serving', nowMs);
    }
    [rollout] = next(rollout, views, nowMs);
    nowMs += 31_000;
  }
  return rollout.state === 'succeeded' ? null : `never ends: ${rollout.state}, ${rollout.reason}`;
}
