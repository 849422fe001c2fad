import test from 'ava';
import { hasValues, seriesOf } from '../../../../controller/dashboard/device/series.ts';
import { quantile } from '../../../../shared/histogram.ts';
import { makeDetail } from '../../../support/dashboard/detail.ts';
import { makeFleet } from '../../../support/dashboard/fleet.ts';

const [summary] = makeFleet(1);
if (summary === undefined) throw new Error('no device');
const { windows } = makeDetail(summary);

test('every window is a column, in the order of time', (t) => {
  const series = seriesOf(windows.toReversed());
  t.is(series.seconds.length, windows.length);
  t.deepEqual(
    series.seconds,
    series.seconds.toSorted((a, b) => a - b),
  );
  const [first] = windows;
  t.is(series.p95[0], first ? quantile(first.latencyMs, 0.95) : null);
  t.is(series.rate[0], (first?.requests ?? 0) / 5);
});

test('a pause is a gap', (t) => {
  const series = seriesOf(windows.filter((_, index) => index < 10 || index > 20));
  t.is(series.p50.filter((value) => value === null).length, 1);
  t.is(series.seconds.length, series.p50.length);
  t.is(series.p50.indexOf(null), 10);
});

test('a window without a request has no latency, but a rate of zero', (t) => {
  const [first] = windows;
  if (first === undefined) return t.fail('no window');
  const empty = { count: 0, sum: 0, min: 0, max: 0, buckets: {} };
  const series = seriesOf([{ ...first, requests: 0, latencyMs: empty }]);
  t.deepEqual(series.p50, [null]);
  t.deepEqual(series.rate, [0]);
});

test('a sensor that is absent has no values', (t) => {
  t.false(hasValues(seriesOf(windows.map((one) => ({ ...one, temperatureC: null }))).temperatureC));
  t.true(hasValues(seriesOf(windows).temperatureC));
});

test('a change of what is served is an instant; the first window is none of them', (t) => {
  const other = `sha256:${'0'.repeat(64)}` as const;
  const changed = windows.map((one, index) =>
    index < 40 ? one : { ...one, version: 4, variant: other },
  );
  t.is(seriesOf(windows).changes.length, 1);
  t.deepEqual(seriesOf(changed).changes.slice(1), [
    {
      seconds: Date.parse(windows[40]?.start ?? '') / 1000,
      model: 'digits',
      version: 4,
      variant: other,
    },
  ]);
});
