/** `npm run test:offline -- --agents 20 --hours 24`: the long form of offline.test.ts. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runOffline } from '../support/offline/run.ts';

const { values } = parseArgs({
  options: {
    agents: { type: 'string', default: '20' },
    hours: { type: 'string', default: '24' },
    windowSeconds: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
  },
});
const folder = mkdtempSync(join(tmpdir(), 'fettle-offline-'));
const { sent, stored, lost, doubled, differing } = await runOffline({
  agents: Number(values.agents),
  hours: Number(values.hours),
  windowSeconds: Number(values.windowSeconds),
  seed: Number(values.seed),
  folder,
  say: console.log,
});
rmSync(folder, { recursive: true, force: true });
console.log(`counted: ${sent.windows} windows, ${sent.requests} requests`);
console.log(`stored:  ${stored.windows} windows, ${stored.requests} requests`);
console.log(`${lost} lost, ${doubled} doubled`);
for (const line of differing) console.log(line);
process.exit(lost + doubled + differing.length > 0 ? 1 : 0);
