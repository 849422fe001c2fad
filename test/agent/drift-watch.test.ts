import test, { type ExecutionContext } from 'ava';
import { startDriftWatch } from '../../agent/drift-watch.ts';
import { driftsOf } from '../../agent/plan.ts';
import { openPool } from '../../agent/serve/pool.ts';
import { openState } from '../../agent/state.ts';
import { sourceRecipe } from '../../shared/compress/recipe.ts';
import { digestOf } from '../../shared/digest.ts';
import { emptyHistogram, record } from '../../shared/histogram.ts';
import { doublingModel } from '../support/arithmetic.ts';
import { desiredFor } from '../support/desired.ts';
import { servingOf, tuningOf } from '../support/documents.ts';
import { temporaryFolder } from '../support/fettle.ts';
import { plan } from '../support/trials/figures.ts';
import { until } from '../support/until.ts';

/** A device whose tuning measured 1 ms and whose runs take so long; and what it asked for. */
async function served(t: ExecutionContext, { runMs, times }: { runMs: number; times?: number }) {
  const state = openState(temporaryFolder(t), (_, text) => t.log(text));
  const desired = desiredFor({ revision: 1 });
  const tuning = tuningOf(desired, sourceRecipe);
  const { model } = desired;
  if (!model || !tuning.chosen) throw new Error('the documents are not whole');
  state.journal.change({ desired, tuning: { tuning, acknowledged: true } });
  if (times) state.journal.change({ drift: { model: model.digest, times, reason: 'before' } });
  const serving = { ...servingOf(model), variant: tuning.chosen.variant };
  const pool = await openPool({ path: await doublingModel(t, { dims: [1, 1] }), plan: plan() });
  let minutes = 0;
  const takeRuns = () => {
    minutes += 1;
    const runs = emptyHistogram();
    for (let run = 0; run < 100; run++) record(runs, runMs);
    return runs;
  };
  const reasons: string[] = [];
  const end = startDriftWatch({
    journal: state.journal,
    server: { active: () => ({ key: digestOf('one'), serving, pool: { ...pool, takeRuns } }) },
    everyMs: 5,
    onDrift: (reason) => reasons.push(reason),
    onFault: (thrown) => t.fail(String(thrown)),
  });
  t.teardown(async () => {
    end();
    await pool.drain();
    state.close();
  });
  return { journal: state.journal, desired, reasons, minutes: () => minutes };
}

test('runs that take twice as long, minute after minute, ask for a new tuning', async (t) => {
  const { journal, desired, reasons } = await served(t, { runMs: 2, times: 1 });
  await until('it drifted', () => reasons.length > 0);
  t.regex(reasons[0] ?? '', /runs take 1?\d\d % longer than when it was tuned/);
  t.true(driftsOf(journal.get('drift'), desired) >= 2);
});

test('runs that take as long as they did ask for nothing', async (t) => {
  const { journal, reasons, minutes } = await served(t, { runMs: 1 });
  await until('an hour is over', () => minutes() > 70);
  t.deepEqual(reasons, []);
  t.is(journal.get('drift'), null);
});

test('a pool counts how long its runs take in the runtime', async (t) => {
  const pool = await openPool({ path: await doublingModel(t, { dims: [1, 1] }), plan: plan(1, 2) });
  const x = { type: 'float', dims: [1, 1], data: Float32Array.of(1) } as const;
  await Promise.all([1, 2, 3].map(() => pool.run({ x: { ...x, data: Float32Array.of(1) } })));
  const runs = pool.takeRuns();
  t.is(runs.count, 3);
  t.true(runs.min > 0);
  t.is(pool.takeRuns().count, 0);
  await pool.drain();
});
