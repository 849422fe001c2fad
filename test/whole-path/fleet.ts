/**
 * `npm run test:fleet -- --seed 1 --agents 200 --devices 4`: the long form of fleet.test.ts. Bad
 * versions against that many agents, then scenarios with that many devices each, and a table of
 * what became of each.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { flaws } from '../support/simulation/behaviour.ts';
import { playScenarios } from '../support/simulation/play.ts';
import { rowOf, runFleet } from '../support/simulation/run.ts';
import { scenarios } from '../support/simulation/scenarios.ts';
import { tableOf } from '../support/simulation/table.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    agents: { type: 'string', default: '200' },
    devices: { type: 'string', default: '4' },
    /** Scenarios whose name holds this, and no bad versions. */
    only: { type: 'string' },
  },
});
const { only } = values;
const seed = Number(values.seed);
const folder = mkdtempSync(join(tmpdir(), 'fettle-fleet-'));
const inFolder = (name: string) => ({ seed, folder: join(folder, name), say: console.log });
const startedMs = performance.now();
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const stories =
  only === undefined
    ? await runFleet({ ...inFolder('versions'), agents: Number(values.agents), flaws })
    : [];
const played = await playScenarios({
  ...inFolder('scenarios'),
  devices: Math.max(2, Number(values.devices)),
  scenarios: scenarios.filter(({ name }) => name.includes(only ?? '')),
});
const rows = [...stories.map(rowOf), ...played];
console.log(`\n${tableOf(rows)}\n`);
const wrong = rows.filter(({ faults }) => faults.length > 0).length;
const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
console.log(`${rows.length} scenarios in ${seconds} s, ${wrong} not as expected`);
process.exit(wrong > 0 ? 1 : 0);
