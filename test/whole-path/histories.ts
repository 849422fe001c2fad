/**
 * `npm run test:histories -- --seed 1 --count 100000`: the long form of plan-random.test.ts and of
 * the device's lives, printed as it goes.
 */
import { parseArgs } from 'node:util';
import { deviceLife } from '../support/histories/device.ts';
import { rolloutHistory } from '../support/histories/rollout.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '100000' },
  },
});
const first = Number(values.seed);
const count = Number(values.count);
const planners = { rollout: rolloutHistory, device: deviceLife } as const;

for (const [name, play] of Object.entries(planners)) {
  const startedMs = performance.now();
  let faults = 0;
  for (let seed = first; seed < first + count; seed += 1) {
    const fault = play(seed);
    if (fault === null) continue;
    faults += 1;
    console.log(`${name}, seed ${seed}: ${fault}`);
    if (faults === 10) break;
  }
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  console.log(`${name} planner: ${count} histories in ${seconds} s, ${faults} broke a rule`);
  if (faults > 0) process.exitCode = 1;
}
