/**
 * `npm run test:fleet -- --seed 1 --agents 200`: the long form of fleet.test.ts, as it goes.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { flaws } from '../support/simulation/behaviour.ts';
import { runFleet } from '../support/simulation/run.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    agents: { type: 'string', default: '200' },
  },
});
const folder = mkdtempSync(join(tmpdir(), 'fettle-fleet-'));
const startedMs = performance.now();
const stories = await runFleet({
  ...{ seed: Number(values.seed), agents: Number(values.agents), flaws, folder },
  say: console.log,
});
rmSync(folder, { recursive: true, force: true });
const wrong = stories.filter(({ faults }) => faults.length > 0).length;
const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
console.log(`${stories.length} bad versions in ${seconds} s, ${wrong} not handled as they must be`);
process.exit(wrong > 0 ? 1 : 0);
