import test from 'ava';
import { topLines, withLoads } from '../../commands/top/view.ts';
import { createStyle } from '../../shared/terminal/style.ts';
import { makeFleet } from '../support/dashboard/fleet.ts';

const plain = createStyle(false);
const fleet = makeFleet(40);

test('what needs a person comes before who is busiest, in as many lines as there are', (t) => {
  const lines = topLines(fleet, { loads: withLoads(new Map(), fleet), rows: 20 }, plain);
  t.is(lines.length, 20);
  t.regex(lines[0] ?? '', /^40 devices .* requests\/s$/);
  const start = lines.findIndex((line) => line.startsWith('DEVICE '));
  const states = lines.slice(start + 1).map((line) => line.split(/\s{2,}/)[1]);
  const order = ['failed', 'offline', 'proving', 'tuning', 'fetching', 'idle', 'serving'];
  const ranks = states.map((state) => order.indexOf(state ?? ''));
  t.deepEqual(ranks, ranks.toSorted());
  t.true(new Set(states).size > 1);
});

test('a sparkline grows with the looks and ends at twenty', (t) => {
  const [device] = fleet.filter(({ online, recent }) => online && recent !== null);
  if (!device) return t.fail('nobody is online in the made-up fleet');
  let loads = new Map<string, readonly number[]>();
  for (let look = 0; look < 25; look += 1) loads = new Map(withLoads(loads, [device]));
  t.is(loads.get(device.device)?.length, 20);
  const [last = ''] = topLines([device], { loads, rows: 30 }, plain).slice(-1);
  t.regex(last, /█{20}$/);
});

test('an empty fleet is said so', (t) => {
  t.regex(topLines([], { loads: new Map(), rows: 10 }, plain)[0] ?? '', /^0 devices/);
});
