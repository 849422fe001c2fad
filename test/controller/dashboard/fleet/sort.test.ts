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
const rankOf = (name: string) => ranks.get(name) ?? 0;

test('names sort as people count', (t) => {
  const ranked = rankNames(['node-10', 'node-9', 'node-1']);
  t.deepEqual([...ranked.keys()], ['node-1', 'node-9', 'node-10']);
});

test('by name, both ways', (t) => {
  const up = sortDevices(fleet, defaultOrder, rankOf);
  const down = sortDevices(fleet, { column: 'name', descending: true }, rankOf);
  t.deepEqual(
    up.map((one) => one.device),
    [...ranks.keys()],
  );
  t.deepEqual(down, up.toReversed());
});

test('what has no value comes last, whichever way', (t) => {
  for (const descending of [false, true]) {
    const sorted = sortDevices(fleet, { column: 'p95', descending }, rankOf);
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
  const sorted = sortDevices(fleet, { column: 'class', descending: true }, rankOf);
  const places = sorted
    .filter((one) => one.hardwareClass === sorted[0]?.hardwareClass)
    .map((one) => rankOf(one.device));
  t.deepEqual(
    places,
    places.toSorted((a, b) => a - b),
  );
});

test('the most urgent state comes first', (t) => {
  const sorted = sortDevices(fleet, { column: 'state', descending: false }, rankOf);
  t.is(sorted[0]?.reported?.state, 'failed');
  t.is(sorted.at(-1)?.reported?.state, 'serving');
});

test('the list that is sorted is left alone', (t) => {
  const before = [...fleet];
  sortDevices(fleet, { column: 'rate', descending: true }, rankOf);
  t.deepEqual(fleet, before);
});

test('a second click turns the order round; quantities begin with the largest', (t) => {
  const first = orderAfterClick(defaultOrder, 'p95');
  t.deepEqual(first, { column: 'p95', descending: true });
  t.deepEqual(orderAfterClick(first, 'p95'), { column: 'p95', descending: false });
  t.deepEqual(orderAfterClick(first, 'class'), { column: 'class', descending: false });
});
