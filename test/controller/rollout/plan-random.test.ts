/** The planner against histories that nobody would think of. */
import test from 'ava';
import type { RolloutInput, RolloutPlan } from '../../../controller/rollout/plan.ts';
import { targetOf } from '../../../controller/rollout/waves.ts';
import { createRandom } from '../../../shared/random.ts';
import { change, next, rolloutOf, says, type Views, viewsOf } from '../../support/rollout-play.ts';

test('2,000 random histories keep the invariants', (t) => {
  for (let seed = 1; seed <= 2000; seed += 1) {
    const fault = history(seed);
    if (fault) return t.fail(`seed ${seed}: ${fault}`);
  }
  t.pass();
});

/**
 * Plays a random history and returns what rule was broken, or null. Every device serves in the end.
 */
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
      if (view?.ours) says(views, `${name} ${states[pick(states.length)]}`, nowMs);
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
      if (views.get(name)?.ours) says(views, `${name} serving`, nowMs);
    }
    [rollout] = next(rollout, views, nowMs);
    nowMs += 31_000;
  }
  return rollout.state === 'succeeded' ? null : `never ends: ${rollout.state}, ${rollout.reason}`;
}
