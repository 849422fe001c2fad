import test from 'ava';
import { createStore } from '../../../../controller/dashboard/state/store.ts';
import { makeFleet } from '../../../support/dashboard/fleet.ts';

const fleet = makeFleet(5);
const none = { devices: [], models: [], rollouts: [] };

test('many changes are told once', (t) => {
  const tasks: (() => void)[] = [];
  const store = createStore((task) => tasks.push(task));
  let told = 0;
  const stop = store.subscribe('devices', () => {
    told += 1;
  });
  store.apply('device', fleet);
  t.is(tasks.length, 1);
  tasks.shift()?.();
  t.is(told, 1);
  stop();
  store.apply('device', fleet);
  tasks.shift()?.();
  t.is(told, 1);
});

test('listeners hear only of their topic', (t) => {
  const store = createStore((task) => task());
  let told = 0;
  store.subscribe('models', () => {
    told += 1;
  });
  store.apply('device', fleet);
  t.is(told, 0);
});

test('a new list replaces the old one: what was removed meanwhile is gone', (t) => {
  const store = createStore((task) => task());
  t.false(store.loaded());
  store.replace({ ...none, devices: fleet });
  store.replace({ ...none, devices: fleet.slice(1) });
  t.true(store.loaded());
  t.deepEqual([...store.devices.values()], fleet.slice(1));
});

test('places by name follow devices that come later', (t) => {
  const store = createStore((task) => task());
  const [first] = fleet;
  if (first === undefined) return t.fail('no device');
  store.replace({ ...none, devices: [{ ...first, device: 'node-10' }] });
  t.is(store.ranks().get('node-10'), 0);
  store.apply('device', [{ ...first, device: 'node-9' }]);
  t.is(store.ranks().get('node-10'), 1);
});

test('throughput is remembered for the sparkline, as far as it shows', (t) => {
  const store = createStore((task) => task());
  const [first] = fleet;
  if (first === undefined || first.recent === null) return t.fail('no telemetry');
  for (let rate = 1; rate <= 40; rate += 1) {
    const recent = { ...first.recent, requestsPerSecond: rate };
    store.apply('device', [{ ...first, recent }]);
  }
  const rates = store.trend.of(first.device);
  t.is(rates.length, 24);
  t.is(rates.at(-1), 40);
  t.is(rates[0], 17);
});

test('a reading changes what telemetry changes, and nothing else', (t) => {
  const store = createStore((task) => task());
  const [first] = fleet;
  if (first === undefined || first.recent === null) return t.fail('no telemetry');
  store.replace({ ...none, devices: fleet });
  const recent = { ...first.recent, latencyMsP95: 77 };
  const lastSeen = '2026-03-02T09:00:09.000Z';
  store.apply('reading', [
    { device: first.device, lastSeen, recent },
    { device: 'removed meanwhile', lastSeen, recent },
  ]);
  t.deepEqual(store.devices.get(first.device), { ...first, lastSeen, recent });
  t.is(store.devices.size, fleet.length);
});

test('parts of the first list are shown before it is whole, and then only what it holds', (t) => {
  const store = createStore((task) => task());
  store.fill(fleet.slice(0, 2));
  t.true(store.loaded());
  t.false(store.complete());
  t.is(store.overview.totals().devices, 2);
  store.replace({ ...none, devices: fleet.slice(1) });
  t.true(store.complete());
  store.fill(fleet.slice(0, 1));
  t.deepEqual(
    [...store.devices.keys()].sort(),
    fleet
      .slice(1)
      .map(({ device }) => device)
      .sort(),
  );
});
