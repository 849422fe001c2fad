/**
 * `npm run test:kill-points -- --seed 1`: cuts the update of a device at every point. `--skip` and
 * `--sample` do it in pieces.
 */
import { parseArgs } from 'node:util';
import { cutPoints } from '../support/kills/cut-points.ts';
import { createScript } from '../support/owner.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    sample: { type: 'string' },
    skip: { type: 'string', default: '0' },
    parallel: { type: 'string', default: '2' },
  },
});
const script = createScript();
const { places, points, cut, missed, faults } = await cutPoints(script, {
  seed: Number(values.seed),
  sample: values.sample === undefined ? null : Number(values.sample),
  skip: Number(values.skip),
  parallel: Number(values.parallel),
  say: console.log,
});
await script.end();
console.log(`${places} places, ${points} points; ${cut} cut, ${missed.length} not passed`);
for (const fault of faults) console.log(`fault: ${fault}`);
process.exit(faults.length > 0 ? 1 : 0);
