import test from 'ava';
import type { Group } from '../../../../shared/compress/prune/groups.ts';
import {
  mostRemoved,
  offeredGroups,
  removedCounts,
} from '../../../../shared/compress/prune/select.ts';

const rounding = { channels: 16, fewChannels: 8, few: 32 };

function groupOf(name: string, count: number, summed = false): Group {
  const units = Array.from({ length: count }, (_, i) => i);
  return { name, layers: [], units, free: [...units.keys()], reason: null, summed };
}

function judgedOf(group: Group, costs: (at: number) => number, keep: number | null = null) {
  const count = mostRemoved(group, rounding);
  const order = {
    units: group.units.slice(0, count),
    costs: group.units.slice(0, count).map(costs),
  };
  return { group, keep, order };
}

test('the cheapest units go, in steps that kernels like', (t) => {
  const dear = judgedOf(groupOf('dear', 64), () => 1);
  const cheap = judgedOf(groupOf('cheap', 64), () => 0.1);
  t.deepEqual(removedCounts([dear, cheap], 0.75, rounding), [0, 32]);
  t.deepEqual(removedCounts([dear, cheap], 0.5, rounding), [16, 48]);
  t.deepEqual(removedCounts([dear, cheap], 1, rounding), [0, 0]);
});

test('a count that no kernel likes is brought to one that they do', (t) => {
  const odd = judgedOf(groupOf('odd', 24), () => 1);
  t.deepEqual(removedCounts([odd], 0.7, rounding), [8]);
  const small = groupOf('small', 8);
  t.is(mostRemoved(small, rounding), 0, 'eight are as fast as fewer');
});

test('what fits goes before what is too many', (t) => {
  const cheap = judgedOf(groupOf('cheap', 64), () => 0.1);
  const small = judgedOf(groupOf('small', 32), () => 1);
  const dear = judgedOf(groupOf('dear', 16), () => 2);
  // 28 of 112 are asked for: 24 are as near as 32.
  t.deepEqual(removedCounts([cheap, small, dear], 0.75, rounding), [16, 8, 0]);
});

test('a named group keeps its own share', (t) => {
  const named = judgedOf(groupOf('named', 64), (at) => at, 0.5);
  t.deepEqual(removedCounts([named], null, rounding), [32]);
});

test('sums are left alone until they are named', (t) => {
  const groups = [groupOf('stream', 64, true), groupOf('inner', 64)];
  t.deepEqual(
    offeredGroups(groups, 0.5).map(({ group }) => group.name),
    ['inner'],
  );
  t.deepEqual(
    offeredGroups(groups, { stream: 0.5 }).map(({ group }) => group.name),
    ['stream'],
  );
  t.deepEqual(offeredGroups(groups, 1), []);
});
