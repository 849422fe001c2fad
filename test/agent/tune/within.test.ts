import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import { within } from '../../../agent/tune/within.ts';
import { until } from '../../support/until.ts';

const never = new AbortController().signal;

test('what is done in time is returned, and its signal stays quiet', async (t) => {
  t.is(
    await within({ seconds: 60, signal: never }, async (signal) => String(signal.aborted)),
    'false',
  );
});

test('it aborts when the time is over, also where memory is collected', async (t) => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const ended = within({ seconds: 0.05, signal: never }, async (signal) => {
    collect();
    await until('the time is over', () => signal.aborted);
    signal.throwIfAborted();
  });
  await t.throwsAsync(ended, { name: 'TimeoutError' });
});

test('it aborts with the one given, also where that was aborted before', async (t) => {
  const newer = new AbortController();
  const waiting = within({ seconds: 60, signal: newer.signal }, (signal) =>
    sleep(60_000, undefined, { signal, ref: false }),
  );
  newer.abort(new Error('a newer revision'));
  await t.throwsAsync(waiting, { name: 'AbortError' });
  const late = within({ seconds: 60, signal: newer.signal }, async (signal) => {
    signal.throwIfAborted();
  });
  await t.throwsAsync(late, { message: 'a newer revision' });
});
