import test from 'ava';
import {
  formatAgo,
  formatClock,
  formatSpan,
} from '../../../../controller/dashboard/format/time.ts';

const now = Date.parse('2026-03-02T09:00:00.000Z');
const before = (seconds: number) => new Date(now - seconds * 1000).toISOString();

test('how long ago, in the largest unit', (t) => {
  t.is(formatAgo(before(1), now), 'now');
  t.is(formatAgo(before(12), now), '12\u202fs');
  t.is(formatAgo(before(61), now), '1\u202fmin');
  t.is(formatAgo(before(7300), now), '2\u202fh');
  t.is(formatAgo(before(86_400 * 5), now), '5\u202fd');
});

test('a device whose clock is ahead was heard of now', (t) => {
  t.is(formatAgo(before(-30), now), 'now');
});

test('what is no instant is a dash', (t) => {
  t.is(formatAgo(null, now), '–');
  t.is(formatAgo('yesterday', now), '–');
  t.is(formatClock('soon'), '–');
});

test('spans round down', (t) => {
  t.is(formatSpan(59.9), '59\u202fs');
  t.is(formatSpan(3599), '59\u202fmin');
});
