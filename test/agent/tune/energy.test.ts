// `objective: energy`, on a device whose rail is a file.
import test from 'ava';
import { choose } from '../../../agent/tune/choose.ts';
import { tune } from '../../../agent/tune/tune.ts';
import type { TuneRequest } from '../../../agent/tune/tuner.ts';
import { inputRail, writeTree } from '../../support/device-tree.ts';
import { temporaryFolder } from '../../support/fettle.ts';
import { goal, int8, plan, trial } from '../../support/trials/figures.ts';
import { deviceProfile, digitsGoal, digitsSource } from '../../support/trials/variants.ts';

async function request(folder: string): Promise<TuneRequest> {
  return {
    ...{
      device: 'test',
      revision: 1,
      profile: deviceProfile({ processor: { cores: 1 } }),
      root: folder,
      finished: [],
    },
    goal: await digitsGoal({ objective: 'energy', candidates: [] }),
    ...{ source: await digitsSource(folder), budgetSeconds: 10, countWaiting: false },
    ...{ trialSecondsMax: 0.2, onTrial: () => {}, signal: new AbortController().signal },
  };
}

test('on a rail of 4.5 W a run takes 4.5 W for as long as it takes', async (t) => {
  const folder = temporaryFolder(t);
  writeTree(folder, inputRail(4.5));
  const { chosen, trials, reason } = await tune(await request(folder));
  t.is(chosen?.recipeName, 'source');
  t.regex(reason ?? '', /^source, 1 thread: .* mJ a run/);
  t.true(trials.length > 0);
  for (const { energyJ, throughputPerSecond } of trials) {
    t.true(Math.abs((energyJ ?? 0) * throughputPerSecond - 4.5) < 1e-6);
  }
});

test('a device that says nowhere what it takes refuses at once', async (t) => {
  const folder = temporaryFolder(t);
  await t.throwsAsync(tune(await request(folder)), { code: 'ENERGY_UNREADABLE' });
});

test('what takes the least is chosen, though another is faster', (t) => {
  const thrifty = trial({ recipe: int8, latencyMsP50: 6, energyJ: 0.02 });
  const quick = trial({ recipe: int8, plan: plan(4), latencyMsP50: 3, energyJ: 0.03 });
  const unread = trial({ recipe: int8, plan: plan(2), latencyMsP50: 2, energyJ: null });
  const trials = [trial({ energyJ: 0.04 }), quick, thrifty, unread];
  const { chosen, reason, refusals } = choose({ ...goal, objective: 'energy' }, trials);
  t.is(chosen, 2, reason);
  t.regex(refusals[3] ?? '', /energy of its runs could not be measured/);
});
