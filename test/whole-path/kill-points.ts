/**
 * `npm run test:kill-points -- --seed 1`: cuts what a device does about a new model at every point;
 * with `--of controller` it is a rollout, with `--of update` the agent's own update. `--skip` and
 * `--sample` do it in pieces.
 */
import { parseArgs } from 'node:util';
import { openControllerLane } from '../support/kills/controller-lane.ts';
import { cutPoints } from '../support/kills/cut-points.ts';
import { openLane } from '../support/kills/lane.ts';
import { openUpdateLane } from '../support/kills/update-lane.ts';
import { createScript } from '../support/owner.ts';

const { values } = parseArgs({
  options: {
    of: { type: 'string', default: 'device' },
    seed: { type: 'string', default: '1' },
    sample: { type: 'string' },
    skip: { type: 'string', default: '0' },
    parallel: { type: 'string', default: '2' },
  },
});
const lanes = {
  device: { open: openLane, passings: 1 },
  controller: { open: openControllerLane, passings: 6 },
  update: { open: openUpdateLane, passings: 2 },
} as const;
const isLane = (name: string): name is keyof typeof lanes => Object.hasOwn(lanes, name);
if (!isLane(values.of)) throw new Error(`--of takes ${Object.keys(lanes).join(', ')}`);
const lane = lanes[values.of];
const script = createScript();
const { places, points, cut, missed, faults } = await cutPoints(script, {
  ...lane,
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
