/** `npm run test:tune-kill -- --seed 1 --kills 100`: the long form of kill.test.ts of the tuner. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runTuneKills } from '../support/tune-kills/run.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    kills: { type: 'string', default: '100' },
  },
});
const folder = mkdtempSync(join(tmpdir(), 'fettle-tune-kill-'));
const { seed, kills } = values;
const report = await runTuneKills({
  ...{ seed: Number(seed), kills: Number(kills), folder },
  say: console.log,
});
rmSync(folder, { recursive: true, force: true });
const classes = [...new Set(report.choices)];
console.log(
  `seed ${seed}: killed ${report.kills} times, ${report.choices.length} tunings ended, ` +
    `${report.looks} finished looks, ${report.repeated.length} repeated, ` +
    `chose ${classes.join(', ')}`,
);
if (report.repeated.length > 0 || classes.length !== 1) process.exitCode = 1;
