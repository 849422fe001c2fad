import { join } from 'node:path';
import test from 'ava';
import { findRandomFeeds, randomFeeds } from '../../../shared/evaluate/random-feeds.ts';
import { openSession, type Session } from '../../../shared/evaluate/runtime.ts';
import { quantileOf, summarize, timeInterleaved } from '../../../shared/evaluate/timing.ts';

const fixture = (name: string) => join(import.meta.dirname, 'fixtures', name);

/** A session that notes when it was run. */
function noting(name: string, order: string[]): Session {
  return {
    inputs: [],
    outputs: [],
    run: async () => {
      order.push(name);
      return {};
    },
    release: async () => {},
  };
}

test('models take turns, in reverse order every second round', async (t) => {
  const order: string[] = [];
  const models = ['a', 'b'].map((name) => ({ session: noting(name, order), feeds: {} }));
  const result = await timeInterleaved(models, { warmups: 1, seconds: 0, maxRuns: 100 });
  t.is(order.join(''), `ab${'ab' + 'ba' + 'ab' + 'ba' + 'ab'}`);
  t.deepEqual(
    result.timings.map(({ runs }) => runs),
    [5, 5],
  );
  t.is(result.ratios[0]?.ratio, 1);
});

test('runs end at the limit; an abort ends them at once', async (t) => {
  const models = [{ session: noting('a', []), feeds: {} }];
  const limits = { warmups: 0, seconds: 1000, maxRuns: 20 };
  t.is((await timeInterleaved(models, limits)).timings[0]?.runs, 20);
  const signal = AbortSignal.abort(new Error('stopped'));
  await t.throwsAsync(timeInterleaved(models, { ...limits, signal }), { message: 'stopped' });
});

test('quantiles and throughput as NumPy computes them', (t) => {
  const values = [5, 1, 4, 2, 3, 10];
  t.is(quantileOf(values, 0.5), 3.5);
  t.is(quantileOf(values, 0.95), 8.75);
  t.is(quantileOf([], 0.5), 0);
  t.like(summarize([10, 20, 20]), { runs: 3, latencyMsP50: 20, throughputPerSecond: 60 });
});

test('made-up inputs are the same for the same seed, and of every type', async (t) => {
  const session = await openSession(fixture('types.onnx'), { threads: 1 });
  const feeds = await findRandomFeeds(session, 5);
  t.deepEqual(feeds, await findRandomFeeds(session, 5));
  t.notDeepEqual(feeds.in_f, (await findRandomFeeds(session, 6)).in_f);
  t.deepEqual(feeds.in_f?.dims, [1, 2]);
  await session.release();
  const wide = [{ name: 'x', type: 'int8', shape: [-1, 1000] }];
  const { x } = randomFeeds(wide, { seed: 1, size: 1, integerMax: 9 });
  const values = Array.from(x?.data ?? [], Number);
  t.true(Math.min(...values) < -120 && Math.max(...values) > 120, 'bytes use their whole range');
});

test('inputs that no runtime could hold are refused', (t) => {
  const inputs = [{ name: 'x', type: 'float', shape: [1, 1 << 30] }];
  const make = () => randomFeeds(inputs, { seed: 1, size: 1, integerMax: 0 });
  t.throws(make, { code: 'TOO_LARGE' });
});
