import test from 'ava';
import { takeIdlest } from '../../../agent/serve/idle.ts';

test('every thread gets a run before one gets a second', (t) => {
  const idle = ['a', 'a', 'b', 'b', 'c', 'c'];
  const taken = Array.from({ length: 7 }, () => takeIdlest(idle));
  t.deepEqual(taken.slice(0, 3).toSorted(), ['a', 'b', 'c']);
  t.deepEqual(taken.slice(3, 6).toSorted(), ['a', 'b', 'c']);
  t.is(taken[6], undefined);
});

test('one that is busy waits until the others are as busy', (t) => {
  const idle = ['busy', 'free', 'free'];
  t.is(takeIdlest(idle), 'free');
  t.deepEqual(idle, ['busy', 'free']);
});
