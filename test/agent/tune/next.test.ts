import test from 'ava';
import { searchSpace, trialKey } from '../../../agent/tune/candidates.ts';
import { rungOf } from '../../../agent/tune/halving.ts';
import { nextStep, type Situation } from '../../../agent/tune/next.ts';
import type { Trial } from '../../../shared/protocol/tuning.ts';
import { goal, int8, plan, quality, trial } from '../../support/trials/figures.ts';
import { deviceProfile, digitsGoal } from '../../support/trials/variants.ts';

async function situation(trials: readonly Trial[], change: Partial<Situation> = {}) {
  const space = searchSpace(await digitsGoal(), deviceProfile());
  return { goal, space, trials, hurry: false, finalOver: false, memoryMiB: 4096, ...change };
}

const source2 = trial({ rung: 1, plan: plan(2), latencyMsP50: 6 });
const source1 = trial({ rung: 1, plan: plan(1), latencyMsP50: 10 });
const int8Two = trial({ rung: 1, recipe: int8, plan: plan(2), latencyMsP50: 2 });
const int8One = trial({ rung: 1, recipe: int8, plan: plan(1), latencyMsP50: 3 });

test('the source is first, then every recipe under the main plan', async (t) => {
  t.like(nextStep(await situation([])), { kind: 'trial', target: { plan: plan(2) } });
  const next = nextStep(await situation([source2]));
  t.like(next, { kind: 'trial', target: { recipe: int8, plan: plan(2) } });
});

test("then the source's other plans, then those of what may win", async (t) => {
  const third = nextStep(await situation([source2, int8Two]));
  t.like(third, { kind: 'trial', target: { plan: plan(1), recipe: { source: true } } });
  const fourth = nextStep(await situation([source2, int8Two, source1]));
  t.like(fourth, { kind: 'trial', target: { plan: plan(1), recipe: int8 } });
});

test('the final round is between the best and the source under its best plan', async (t) => {
  const next = nextStep(await situation([source2, int8Two, source1, int8One]));
  t.is(next.kind, 'final');
  const targets = next.kind === 'final' ? next.targets.map(trialKey) : [];
  t.deepEqual(targets, [source2, int8Two].map(trialKey));
  const near = { ...int8One, latencyMsP50: 2.2 };
  const more = nextStep(await situation([source2, int8Two, source1, near]));
  t.is(more.kind === 'final' && more.targets.length, 3);
});

test('in a hurry what was measured goes to the final round', async (t) => {
  t.is(nextStep(await situation([source2, int8Two], { hurry: true })).kind, 'final');
});

test('what loses too much, failed or is far behind gets no other plan', async (t) => {
  const losers = [
    { ...int8Two, quality: quality(0.05) },
    { ...int8Two, state: 'failed' as const },
    { ...int8Two, latencyMsP50: 12 },
  ];
  for (const loser of losers) {
    const next = nextStep(await situation([source2, loser, source1]));
    const other = next.kind === 'trial' && next.target.recipe.bits === 8;
    t.false(other, `${loser.state} ${loser.latencyMsP50}`);
  }
});

test('no final round where there is nothing to compare', async (t) => {
  const cases: [Trial[], RegExp][] = [
    [
      [source2, { ...source1, state: 'failed' }, { ...int8Two, state: 'failed' }],
      /nothing but the source/,
    ],
    [[{ ...source2, state: 'skipped' }, int8Two, int8One], /the source was not measured/],
  ];
  for (const [trials, reason] of cases) {
    const next = nextStep(await situation(trials));
    t.is(next.kind, 'end');
    t.regex(next.reason, reason);
  }
});

test('no final round where memory does not hold both', async (t) => {
  const trials = [source2, int8Two, source1, int8One];
  const next = nextStep(await situation(trials, { memoryMiB: 150 }));
  t.is(next.kind, 'end');
  t.regex(next.reason, /memory does not hold two/);
});

test('whatever came before, it ends: every step adds a trial or is the last', async (t) => {
  const { space } = await situation([]);
  const done: Trial[] = [];
  for (let step = 0; step < 100; step++) {
    const next = nextStep(await situation(done));
    if (next.kind !== 'trial') {
      t.true(done.length <= 2 * space.recipes.length * space.plans.length);
      return;
    }
    const { recipe, plan: chosen } = next.target;
    const before = done.findIndex((one) => trialKey(one) === trialKey(next.target));
    t.true(before < 0 || rungOf(done[before] ?? source2) < next.rung);
    if (before >= 0) done.splice(before, 1);
    const { rung } = next;
    done.push(trial({ recipe, plan: chosen, rung, latencyMsP50: recipe.source ? 10 : 9 }));
  }
  t.fail('it never ended');
});

test('after the first looks the best third is looked at again, the best first', async (t) => {
  const first = { rung: 0 };
  const trials = [source2, int8Two, source1, int8One].map((one) => ({ ...one, ...first }));
  const next = nextStep(await situation(trials));
  t.like(next, { kind: 'trial', rung: 1, target: { recipe: int8, plan: plan(2) } });
  // The source is five times as slow: it is not looked at again.
  const again = nextStep(await situation([...trials.slice(0, 1), int8Two, ...trials.slice(2)]));
  t.like(again, { kind: 'trial', rung: 1, target: { recipe: int8, plan: plan(1) } });
});

test('what had a slow first look is looked at again, while there is time', async (t) => {
  const looked = { rung: 1 };
  const trials = [
    trial({ ...looked, latencyMsP50: 7.2 }),
    trial({ ...looked, plan: plan(2), latencyMsP50: 7.7 }),
    trial({ ...looked, recipe: int8, plan: plan(2), latencyMsP50: 7.6 }),
    trial({ rung: 0, recipe: int8, latencyMsP50: 9.3 }),
  ];
  const next = nextStep(await situation(trials));
  t.like(next, { kind: 'trial', rung: 1, target: { recipe: int8, plan: plan(1) } });
  t.is(nextStep(await situation(trials, { hurry: true })).kind, 'final');
  const lucky = [...trials.slice(0, 3), trial({ ...looked, recipe: int8, latencyMsP50: 6 })];
  t.like(nextStep(await situation(lucky)), { kind: 'final' });
});

test('a final round that was run is not run again by a tuning that goes on', async (t) => {
  const versus = { ratio: 3, low: 2.9, high: 3.1, rounds: 20 };
  const trials = [
    { ...source2, versus: { ...versus, ratio: 1, low: 1, high: 1 } },
    { ...int8Two, versus },
    ...[source1, int8One],
  ];
  const next = nextStep(await situation(trials));
  t.is(next.kind, 'end');
  t.regex(next.reason, /run before/);
});
