/** Bad versions against a fleet; `npm run test:fleet` is the long form. */
import test from 'ava';
import { temporaryFolder } from '../support/fettle.ts';
import { runFleet } from '../support/simulation/run.ts';

test('a bad version is stopped in its canary wave, and one class stops alone', async (t) => {
  const folder = temporaryFolder(t);
  const say = (text: string) => t.log(text);
  const stories = await runFleet({ seed: 1, agents: 12, flaws: ['slower', 'wrong'], folder, say });
  t.is(stories.length, 3);
  for (const { behaviour, faults } of stories) t.deepEqual(faults, [], behaviour.flaw ?? '');
});
