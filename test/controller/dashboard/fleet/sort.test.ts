import test from 'ava';
import {
  defaultOrder,
  orderAfterClick,
  rankNames,
  sortDevices,
} from '../../../../controller/dashboard/fleet/sort.ts';
import { makeFleet } from '../../../support/dashboard/fleet.ts';

const fleet = makeFleet(300);
const ranks = rankNames(fleet.map((one) => one.device));

test('names sort as people count', (t) => {
  const ranked = rankNames(['node-10', 'node-9', 'node-1']);
  t.deepEqual([...ranked.keys()], ['node-1', 'node-9', 'node-10']);
});

test('by name, both ways', (t) => {
  const up = sortDevices(fleet, defaultOrder, ranks);
  const down = sortDevices(fleet, { column: 'name', descending: true }, ranks);
  t.deepEqual(
    up.map((one) => one.device),
    [...ranks.keys()],
  );
  t.deepEqual(down, up.toReversed());
});

test('what has no value comes last, whichever way', (t) => {
  for (const descending of [false, true]) {
    const sorted = sortDevices(fleet, { column: 'p95', descending }, ranks);
    const values = sorted.map((one) => one.recent?.latencyMsP95 ?? null);
    const firstGap = values.indexOf(null);
    t.true(firstGap > 0);
    t.true(values.slice(firstGap).every((value) => value === null));
    const known = values.slice(0, firstGap);
    t.deepEqual(
      known,
      known.toSorted((a, b) => (descending ? (b ?? 0) - (a ?? 0) : (a ?? 0) - (b ?? 0))),
    );
  }
});

test('equal values keep the order of names', (t) => {
  const sorted = sortDevices(fleet, { column: 'class', descending: true }, ranks);
  const places = sorted
    .filter((one) => one.hardwareClass === sorted[0]?.hardwareClass)
    .map((one) => ranks.get(one.device) ?? 0);
  t.deepEqual(
    places,
    places.toSorted((a, b) => a - b),
  );
});

test('the most urgent state comes first', (t) => {
  const sorted = sortDevices(fleet, { column: 'state', descending: false }, ranks);
  t.is(sorted[0]?.reported?.state, 'failed');
  t.is(sorted.at(-1)?.reported?.state, 'serving');
});

test('the list that is sorted is left alone', (t) => {
  const before = [...fleet];
  sortDevices(fleet, { column: 'rate', descending: true }, ranks);
  t.deepEqual(fleet, before);
});

test('a second click turns the order round; quantities begin with the largest', (t) => {
  const first = orderAfterClick(defaultOrder, 'p95');
  t.deepEqual(first, { column: 'p95', descending: true });
  t.deepEqual(orderAfterClick(first, 'p95'), { column: 'p95', descending: false });
  t.deepEqual(orderAfterClick(first, 'class'), { column: 'class', descending: false });
});

test('instants and ratios keep their last digit', (t) => {
  const [first] = fleet;
  if (first === undefined) return t.fail('no device');
  const at = (device: string, ms: number) => ({
    ...first,
    device,
    lastSeen: new Date(Date.parse('2026-03-02T09:00:00.000Z') + ms).toISOString(),
  });
  const devices = [at('a', 1), at('b', 3), at('c', 2)];
  const places = rankNames(devices.map(({ device }) => device));
  const sorted = sortDevices(devices, { column: 'seen', descending: false }, places);
  t.deepEqual(
    sorted.map(({ device }) => device),
    ['b', 'c', 'a'],
  );
});
