/** Bad versions and what happens in fleets; `npm run test:fleet` is the long form of both. */
import test from 'ava';
import { temporaryFolder } from '../support/fettle.ts';
import { playScenarios } from '../support/simulation/play.ts';
import { runFleet } from '../support/simulation/run.ts';
import { scenarios } from '../support/simulation/scenarios.ts';
import { tableOf } from '../support/simulation/table.ts';

test.serial('a bad version is stopped in its canary wave, one class stops alone', async (t) => {
  const folder = temporaryFolder(t);
  const say = (text: string) => t.log(text);
  const stories = await runFleet({ seed: 1, agents: 12, flaws: ['wrong'], folder, say });
  t.is(stories.length, 2);
  for (const { behaviour, faults } of stories) t.deepEqual(faults, [], behaviour.flaw ?? '');
});

/** One of each kind. */
const share = [
  'off at the start, skipped, back later',
  'off in the middle, for ever',
  'cloned',
  'removed, and enrolled anew',
  'worse',
  'worse, forced, with traffic',
];

test.serial(
  'devices off, copied, removed, and a worse version: each ends as it must',
  async (t) => {
    const folder = temporaryFolder(t);
    const rows = await playScenarios({
      ...{ seed: 1, devices: 2, folder, say: (text) => t.log(text) },
      scenarios: scenarios.filter(({ name }) => share.includes(name)),
    });
    t.log(tableOf(rows));
    t.is(rows.length, share.length);
    for (const { name, faults } of rows) t.deepEqual(faults, [], name);
  },
);
