import test from 'ava';
import { createOverview } from '../../../../controller/dashboard/fleet/overview.ts';
import type { DeviceSummary } from '../../../../shared/protocol/api.ts';
import { createRandom } from '../../../../shared/random.ts';
import { makeFleet } from '../../../support/dashboard/fleet.ts';

const fleet = makeFleet(500);

function overviewOf(devices: readonly DeviceSummary[]) {
  const overview = createOverview();
  for (const device of devices) overview.swap(null, device);
  return overview;
}

test('every device is counted once', (t) => {
  const { devices, health } = overviewOf(fleet).totals();
  t.is(devices, fleet.length);
  t.is(
    Object.values(health).reduce((sum, count) => sum + count, 0),
    fleet.length,
  );
  t.true(health.serving > 300 && health.offline > 0 && health.failed > 0);
});

test('totals count only devices that are online', (t) => {
  const [first, ...rest] = fleet;
  if (first === undefined || first.recent === null) return t.fail('the fleet has no telemetry');
  t.is(overviewOf([first]).totals().requestsPerSecond, first.recent.requestsPerSecond);
  t.is(overviewOf([{ ...first, online: false }]).totals().requestsPerSecond, 0);
  t.true(overviewOf(rest).totals().requestsPerSecond > 0);
});

test('the median is within 1 % of the exact one; of nothing there is none', (t) => {
  const values = fleet.flatMap(({ recent }) => recent?.latencyMsP95 ?? []).sort((a, b) => a - b);
  const exact = values[Math.floor((values.length - 1) / 2)] ?? 0;
  const median = overviewOf(fleet).totals().medianMsP95 ?? 0;
  t.true(Math.abs(median / exact - 1) <= 0.01, `${median} against ${exact}`);
  t.is(overviewOf([]).totals().medianMsP95, null);
});

test('one line a class, the largest first, the unprofiled last', (t) => {
  const unprofiled = fleet
    .slice(0, 400)
    .map((one) => ({ ...one, device: `new-${one.device}`, hardwareClass: null }));
  const lines = overviewOf([...fleet, ...unprofiled]).lines();
  t.is(lines.at(-1)?.name, '');
  const known = lines.slice(0, -1).map((line) => line.devices);
  t.deepEqual(
    known,
    known.toSorted((a, b) => b - a),
  );
  t.is(
    known.reduce((sum, size) => sum + size, 0),
    fleet.length,
  );
});

test('a class shows what most of it serve', (t) => {
  const line = overviewOf(fleet)
    .lines()
    .find(({ name }) => name.startsWith('arm64-i8mm'));
  t.is(line?.variant, 'int8');
  t.true((line?.variantShare ?? 0) > 0.5 && (line?.variantShare ?? 0) <= 1);
});

test('after any history it is what counting anew would give', (t) => {
  const random = createRandom(11);
  const others = makeFleet(500, 12);
  const held = new Map<string, DeviceSummary>();
  const overview = createOverview();
  for (let turn = 0; turn < 5000; turn += 1) {
    const pool = random() > 0.5 ? fleet : others;
    const device = pool[Math.floor(random() * pool.length)];
    if (device === undefined) continue;
    const before = held.get(device.device) ?? null;
    const after = before !== null && random() > 0.7 ? null : device;
    overview.swap(before, after);
    if (after === null) held.delete(device.device);
    else held.set(device.device, after);
  }
  const anew = overviewOf([...held.values()]);
  t.deepEqual(overview.totals(), anew.totals());
  const named = (lines: ReturnType<typeof overview.lines>) =>
    lines.map(({ variant: _, ...line }) => line);
  t.deepEqual(named(overview.lines()), named(anew.lines()));
});
