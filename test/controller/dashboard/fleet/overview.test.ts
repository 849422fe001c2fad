import test from 'ava';
import { classLines, totalsOf } from '../../../../controller/dashboard/fleet/overview.ts';
import { makeFleet } from '../../../support/dashboard/fleet.ts';

const fleet = makeFleet(200);

test('totals count only devices that are online', (t) => {
  const [first, ...rest] = fleet;
  if (first === undefined || first.recent === null) return t.fail('the fleet has no telemetry');
  const online = totalsOf([first]);
  t.is(online.requestsPerSecond, first.recent.requestsPerSecond);
  t.is(online.medianMsP95, first.recent.latencyMsP95);
  t.is(totalsOf([{ ...first, online: false }]).requestsPerSecond, 0);
  t.true(totalsOf(rest).requestsPerSecond > 0);
});

test('no device, no median', (t) => {
  t.is(totalsOf([]).medianMsP95, null);
});

test('one line a class, the largest first, the unprofiled last', (t) => {
  const unprofiled = fleet.slice(0, 150).map((one) => ({ ...one, hardwareClass: null }));
  const lines = classLines([...fleet, ...unprofiled]);
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
  const line = classLines(fleet).find(({ name }) => name.startsWith('arm64-i8mm'));
  t.is(line?.variant, 'int8');
  t.true((line?.variantShare ?? 0) > 0.5 && (line?.variantShare ?? 0) <= 1);
});
