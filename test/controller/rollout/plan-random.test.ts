/** The planner against histories that nobody would think of. */
import test from 'ava';
import { rolloutHistory } from '../../support/histories/rollout.ts';

/** `npm run test:histories` plays as many as are asked for. */
const histories = 2000;

test('2,000 random histories break no rule, and every rollout ends', (t) => {
  for (let seed = 1; seed <= histories; seed += 1) {
    const fault = rolloutHistory(seed);
    if (fault) return t.fail(`seed ${seed}: ${fault}`);
  }
  t.pass();
});
