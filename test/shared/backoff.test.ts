import test from 'ava';
import { backoffMs, waitBackoff } from '../../shared/backoff.ts';

const backoff = { baseMs: 100, maxMs: 1000 };

test('waits grow with the attempts up to the most, and are drawn', (t) => {
  const most = [0, 1, 2, 3, 4, 1000].map((attempt) => backoffMs(attempt, backoff, () => 1));
  t.deepEqual(most, [100, 200, 400, 800, 1000, 1000]);
  t.is(
    backoffMs(5, backoff, () => 0.5),
    500,
  );
});

test('a wait is never nothing', (t) => {
  t.is(
    backoffMs(9, backoff, () => 0),
    50,
  );
});

test('waiting ends with the abort', async (t) => {
  const abort = new AbortController();
  const waiting = waitBackoff(0, { baseMs: 1e6, maxMs: 1e6 }, abort.signal);
  abort.abort();
  await t.throwsAsync(waiting, { name: 'AbortError' });
});
