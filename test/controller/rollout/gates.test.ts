import test, { type ExecutionContext } from 'ava';
import type { RolloutInput, RolloutPlan } from '../../../controller/rollout/plan.ts';
import type { Usage } from '../../../shared/protocol/usage.ts';
import { change, next, rolloutOf, says, type Views, viewsOf } from '../../support/rollout-play.ts';

const calm: Usage = {
  requests: 100,
  errors: 0,
  latencyMsP95: 10,
  memoryMiB: 100,
  temperatureC: 60,
  outputDrift: 0.02,
};
const six = ['a1', 'a2', 'a3', 'b1', 'b2', 'b3'];

interface Played {
  rollout: RolloutInput;
  plan: RolloutPlan;
  readonly views: Views;
}

/** Two classes of three; the first of each serves the new version, and behaves like this. */
function play(t: ExecutionContext, usage: Partial<Usage>, terms: Partial<RolloutInput>): Played {
  const views = viewsOf(six, { otherUsage: calm });
  for (const name of six) change(views, name, () => ({ class: name.slice(0, 1) }));
  const waves = [{ count: 2 }, { percent: 100 }];
  let [rollout, plan] = next(rolloutOf({ waves, ...terms }), views, 0);
  t.deepEqual(plan.admit, ['a1', 'b1']);
  // As the runner does at admission.
  const members = rollout.members.map((member) => ({ ...member, baseline: calm }));
  [rollout, plan] = next({ ...rollout, members }, views, 1);
  for (const name of ['a1', 'b1']) {
    says(views, `${name} proving`, 2);
    change(views, name, () => ({ usage: calm, otherUsage: null }));
  }
  change(views, 'a1', () => ({ usage: { ...calm, ...usage } }));
  [rollout, plan] = next(rollout, views, 2);
  return { rollout, plan, views };
}

const bad: readonly (readonly [Partial<Usage>, RegExp])[] = [
  [{ latencyMsP95: 31 }, /class a: p95 31 ms is 3\.1 × its baseline, at most 2 ×/],
  [{ errors: 5 }, /class a: 5 % of 100 requests fail, 0 % before; it may rise by 2/],
  [{ memoryMiB: 190 }, /class a: memory 190 MiB is 1\.9 × its baseline, at most 1\.5 ×/],
  [{ temperatureC: 99 }, /class a: temperature 99 °C, at most 95 °C/],
  [{ outputDrift: 0.5 }, /class a: drift of outputs 0\.5, at most 0\.25/],
];

for (const [usage, reason] of bad) {
  const [name = ''] = Object.keys(usage);
  test(`a canary with bad ${name} pauses the rollout in its wave`, (t) => {
    const { plan } = play(t, usage, {});
    t.deepEqual([plan.state, plan.wave, plan.admit], ['paused', 1, []]);
    t.regex(plan.reason, reason);
  });
}

test('other answers to other questions are no fault of the version', (t) => {
  const { plan } = play(t, { outputDrift: 0.5, inputDrift: 0.5 }, {});
  t.not(plan.state, 'paused');
  t.is(play(t, { outputDrift: 0.5, inputDrift: 0.1 }, {}).plan.state, 'paused');
});

test('a breach may roll the fleet back', (t) => {
  const { plan } = play(t, { latencyMsP95: 31 }, { onBreach: 'rollback' });
  t.deepEqual([plan.state, plan.reverting, plan.revert], ['rolled back', true, ['a1', 'b1']]);
  t.regex(plan.reason, /^rolled back: class a: p95/);
});

test('a breach may end it and leave what is', (t) => {
  const { plan } = play(t, { latencyMsP95: 31 }, { onBreach: 'abort' });
  t.deepEqual([plan.state, plan.reverting, plan.revert], ['aborted', false, []]);
});

test('a breach of one class rolls that class back, and the other goes on to its end', (t) => {
  const terms = { onBreach: 'rollback', breachScope: 'class' } as const;
  const played = play(t, { latencyMsP95: 31 }, terms);
  let { rollout, plan } = played;
  t.deepEqual([plan.state, plan.revert], ['running', ['a1']]);
  const { views } = played;
  for (let turn = 30_000; turn < 300_000; turn += 30_000) {
    for (const [name, { ours }] of views) if (ours) says(views, `${name} serving`, turn);
    [rollout, plan] = next(rollout, views, turn);
  }
  t.is(plan.state, 'succeeded', plan.reason);
  t.regex(plan.reason, /^3 of 6 devices serve it; class a is out: class a: p95 31 ms/);
  t.deepEqual(
    plan.members.map(({ device, state }) => `${device} ${state}`),
    ['a1 reverted', 'a2 waiting', 'a3 waiting', 'b1 succeeded', 'b2 succeeded', 'b3 succeeded'],
  );
});

test('a class that is paused leaves the others alone, and a person decides in the end', (t) => {
  const played = play(t, { errors: 50 }, { breachScope: 'class' });
  let { rollout, plan } = played;
  for (let turn = 30_000; turn < 300_000; turn += 30_000) {
    for (const [name, { ours }] of played.views) {
      if (ours) says(played.views, `${name} serving`, turn);
    }
    [rollout, plan] = next(rollout, played.views, turn);
  }
  t.deepEqual([plan.state, plan.waitsFor, plan.revert], ['paused', 'person', []]);
});

test('without data a gate says so and holds nothing up', (t) => {
  const { plan } = play(t, { requests: 3, temperatureC: null, outputDrift: null }, {});
  t.is(plan.state, 'running');
  const said = plan.verdicts.filter(({ class: own }) => own === 'a');
  t.deepEqual(
    said.map(({ gate, state }) => `${gate} ${state}`),
    [
      'latency no data',
      'latency no data',
      'errors no data',
      'memory holds',
      'temperature no data',
      'golden no data',
      'outputs no data',
      'outputs no data',
    ],
  );
  t.regex(said[0]?.reason ?? '', /no data: no device has 20 requests before and after, for p95/);
});

test('slower than its class without the update is a breach, baseline or not', (t) => {
  const views = viewsOf(['a', 'b'], { otherUsage: calm });
  let [rollout, plan] = next(rolloutOf(), views, 0);
  [rollout, plan] = next(rollout, views, 1);
  says(views, 'a proving', 2);
  change(views, 'a', () => ({ usage: { ...calm, latencyMsP95: 40 }, otherUsage: null }));
  [rollout, plan] = next(rollout, views, 2);
  t.is(plan.state, 'paused');
  t.regex(plan.reason, /p95 40 ms is 4 × devices not updated, at most 2 ×/);
});

test('a rise that no timer can tell is no breach', (t) => {
  const views = viewsOf(['a', 'b'], { otherUsage: { ...calm, latencyMsP95: 0.1 } });
  let [rollout, plan] = next(rolloutOf(), views, 0);
  [rollout, plan] = next(rollout, views, 1);
  says(views, 'a proving', 2);
  change(views, 'a', () => ({ usage: { ...calm, latencyMsP95: 0.5 }, otherUsage: null }));
  [rollout, plan] = next(rollout, views, 2);
  t.is(plan.state, 'running');
});

test('a version that answers live requests unlike the one before is a breach', (t) => {
  const { rollout, views } = play(t, {}, {});
  change(views, 'a1', () => ({ live: { samples: 5, agreement: 0.1 } }));
  let [going, plan] = next(rollout, views, 3);
  t.is(plan.state, 'running', 'five requests say nothing');
  change(views, 'a1', () => ({ live: { samples: 50, agreement: 0.1 } }));
  [going, plan] = next(going, views, 4);
  t.is(plan.state, 'paused');
  t.regex(going.reason, /variant before on live requests 0\.1, at least 0\.5/);
});

test('without traffic the golden inputs say whether it answers as the one before', (t) => {
  const { rollout, views } = play(t, {}, {});
  const few = { samples: 5, agreement: 0.1 };
  change(views, 'a1', () => ({ live: few, onGolden: { samples: 16, agreement: 0.9 } }));
  let [going, plan] = next(rollout, views, 3);
  const verdict = plan.verdicts.find(
    ({ against, gate }) => gate === 'outputs' && against !== 'limit',
  );
  t.like(verdict, { state: 'holds', value: 0.9 });
  change(views, 'a1', () => ({ live: null, onGolden: { samples: 16, agreement: 0.2 } }));
  [going, plan] = next(going, views, 4);
  t.is(plan.state, 'paused');
  t.regex(going.reason, /variant before on golden inputs 0\.2, at least 0\.5/);
});

test('what a person has resumed over does not stop it again, another gate does', (t) => {
  const { rollout, views } = play(t, { latencyMsP95: 31 }, {});
  const accepted = ['latency/baseline/a', 'latency/control/a'];
  let [going, plan] = next({ ...rollout, state: 'running', accepted }, views, 3);
  t.is(plan.state, 'running');
  t.is(plan.verdicts.find(({ gate }) => gate === 'latency')?.state, 'accepted');
  change(views, 'a1', () => ({ usage: { ...calm, memoryMiB: 500 } }));
  [going, plan] = next(going, views, 4);
  t.is(plan.state, 'paused');
});

test('a share of failed devices is judged when enough were given the model', (t) => {
  const gates = { ...rolloutOf().gates, failurePercent: 30, minDevices: 4 };
  const views = viewsOf(['a', 'b', 'c', 'd', 'e', 'f']);
  const waves = [{ count: 3 }, { percent: 100 }];
  let [rollout, plan] = next(rolloutOf({ gates, waves, maxFailures: 9 }), views, 0);
  for (const word of ['a failed', 'b serving', 'c serving']) says(views, word, 1);
  [rollout, plan] = next(rollout, views, 1);
  t.is(plan.state, 'running', 'three are too few');
  for (const word of ['d failed', 'e serving', 'f serving']) says(views, word, 2);
  [rollout, plan] = next(rollout, views, 2);
  t.is(plan.state, 'paused');
  t.regex(plan.reason, /33\.3 % of 6 failed, at most 30 %/);
});
