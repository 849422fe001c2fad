/**
 * `npm run test:kill -- --seed 1 --kills 50`: the long form of kill.test.ts, printed as it goes.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runKills } from '../support/kills/run.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    kills: { type: 'string', default: '50' },
    agents: { type: 'string', default: '3' },
  },
});
const folder = mkdtempSync(join(tmpdir(), 'fettle-kill-'));
console.log(`seed ${values.seed}, state and logs in ${folder}`);
const report = await runKills({
  seed: Number(values.seed),
  kills: Number(values.kills),
  agents: Number(values.agents),
  folder,
  say: console.log,
});
console.log(report.killed, `${report.versions} versions, ${report.filesChecked} files checked`);
for (const { device, windows, requests } of report.counted) {
  const { sent, right, wrong, refused } = report.traffic.get(device) ?? {
    ...{ sent: 0, right: 0, wrong: 0, refused: 0 },
  };
  console.log(
    `${device}: ${sent} sent, ${right} right, ${wrong} wrong, ${refused} not answered; ` +
      `${requests} counted in ${windows} windows`,
  );
  if (wrong > 0 || requests > sent) process.exitCode = 1;
}
if (report.broken.length > 0) {
  console.log('broken files:', report.broken);
  process.exitCode = 1;
}
process.exit();
