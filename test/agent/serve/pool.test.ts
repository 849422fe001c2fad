import test from 'ava';
import { openPool, poolLimits } from '../../../agent/serve/pool.ts';
import { FettleError } from '../../../shared/errors.ts';
import type { Tensors } from '../../../shared/evaluate/tensor.ts';
import { doublingModel, slowModel } from '../../support/arithmetic.ts';
import { plan } from '../../support/trials/figures.ts';
import { until } from '../../support/until.ts';

const spec = { plan: plan() };
const feeds = (...values: number[]): Tensors => ({
  x: { type: 'float', dims: [1, values.length], data: Float32Array.from(values) },
});
const matrix = (): Tensors => ({
  x: { type: 'float', dims: [1024, 1024], data: new Float32Array(1024 * 1024) },
});

test('runs are answered, each with its own', async (t) => {
  const path = await doublingModel(t, { dims: [1, 2] });
  const pool = await openPool({ path, plan: plan(1, 2) });
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, at) => pool.run(feeds(at, at + 0.5))),
  );
  t.deepEqual(
    answers.map(({ y }) => [...(y?.data ?? [])]),
    answers.map((_, at) => [2 * at, 2 * at + 1]),
  );
  t.is(pool.load(), 0);
  await pool.drain();
});

test('feeds are moved to the thread, not copied', async (t) => {
  const pool = await openPool({ ...spec, path: await doublingModel(t, { dims: [1, 2] }) });
  const moved = feeds(1, 2);
  await pool.run(moved);
  t.is(moved.x?.data.length, 0);
  await pool.drain();
});

test('draining answers everything that was taken, then ends', async (t) => {
  const pool = await openPool({ ...spec, path: await doublingModel(t, { dims: [1, 1] }) });
  const answers = Array.from({ length: 50 }, (_, at) => pool.run(feeds(at)));
  await pool.drain();
  t.is((await Promise.all(answers)).length, 50);
  await t.throwsAsync(pool.run(feeds(1)), { code: 'BUSY' });
});

test('draining waits for a request that has runs to come', async (t) => {
  const pool = await openPool({ ...spec, path: await doublingModel(t, { dims: [1, 1] }) });
  const release = pool.hold();
  const drained = pool.drain();
  await pool.run(feeds(1));
  t.deepEqual([...((await pool.run(feeds(2))).y?.data ?? [])], [4]);
  release();
  await drained;
  await t.throwsAsync(pool.run(feeds(1)), { code: 'BUSY' });
});

test('a full queue refuses at once', async (t) => {
  const path = await doublingModel(t, { dims: [1, 1] });
  const pool = await openPool({ ...spec, path }, { limits: { ...poolLimits, queueMax: 2 } });
  const taken = [1, 2, 3, 4].map((value) => pool.run(feeds(value)));
  await t.throwsAsync(pool.run(feeds(5)), { code: 'BUSY' });
  await Promise.all(taken);
  await pool.drain();
});

test('a run that the model refuses fails alone', async (t) => {
  const pool = await openPool({ ...spec, path: await doublingModel(t, { dims: [1, 1] }) });
  await t.throwsAsync(pool.run(feeds(1, 2, 3)), { code: 'SERVE_FAILED' });
  t.deepEqual([...((await pool.run(feeds(3))).y?.data ?? [])], [6]);
  await pool.drain();
});

test('a model that does not load is said, and nothing is left', async (t) => {
  const error = await t.throwsAsync(openPool({ path: 'missing.onnx', plan: plan(1, 2) }));
  t.like(error, { code: 'SERVE_FAILED' });
});

test('a thread that runs on for too long is replaced, and the next run is answered', async (t) => {
  const path = await slowModel(t);
  const limits = { ...poolLimits, runMs: 50 };
  const pool = await openPool({ ...spec, path }, { limits });
  const error = await t.throwsAsync(pool.run(matrix()));
  t.like(error, { code: 'TIMEOUT' });
  await until('the thread is left behind', () => pool.load() === 0);
  await pool.drain();
});

test('a run that waits at its thread is not counted as running', async (t) => {
  const pool = await openPool({ ...spec, path: await slowModel(t) });
  const beginMs = performance.now();
  await Promise.all([1, 2, 3, 4].map(() => pool.run(matrix())));
  const elapsedMs = performance.now() - beginMs;
  const { count, sum } = pool.takeRuns();
  t.is(count, 4);
  t.true(sum <= elapsedMs, `${sum} ms of runs in ${elapsedMs} ms`);
  await pool.drain();
});

test('threads that die again and again end the pool', async (t) => {
  const path = await slowModel(t);
  const looped = Promise.withResolvers<number>();
  const limits = { ...poolLimits, runMs: 20, crashesMax: 2 };
  const pool = await openPool({ ...spec, path }, { limits, onCrashLoop: looped.resolve });
  let over = false;
  looped.promise.then(() => {
    over = true;
  });
  while (!over) await pool.run(matrix()).catch(() => {});
  t.is(await looped.promise, 3);
  await pool.drain();
});

test('a run that nobody waits for any more leaves the queue', async (t) => {
  const pool = await openPool({ ...spec, path: await slowModel(t) });
  const first = [pool.run(matrix()), pool.run(matrix())];
  const over = new AbortController();
  const { signal } = over;
  const waiting = [1, 2, 3, 4].map(() => pool.run(matrix(), { signal }));
  t.is(pool.load(), 6);
  over.abort(new FettleError('CANCELLED', { what: 'it' }));
  t.is(pool.load(), 2);
  for (const one of waiting) await t.throwsAsync(one, { code: 'CANCELLED' });
  await t.throwsAsync(pool.run(matrix(), { signal }), { code: 'CANCELLED' });
  await Promise.all(first);
  await pool.drain();
});

test('a run whose turn does not come in time is told at its deadline and not run', async (t) => {
  const pool = await openPool({ ...spec, path: await slowModel(t) });
  const first = [pool.run(matrix()), pool.run(matrix())];
  const late = pool.run(matrix(), { deadlineMs: performance.now() + 1 });
  await t.throwsAsync(late, { code: 'DEADLINE_PASSED' });
  t.true(pool.load() <= 2);
  const passed = pool.run(matrix(), { deadlineMs: performance.now() });
  await t.throwsAsync(passed, { code: 'DEADLINE_PASSED' });
  await Promise.all(first);
  await pool.drain();
});

test('a run that could only come too late is refused at once', async (t) => {
  const pool = await openPool({ ...spec, path: await slowModel(t) });
  for (let at = 0; at < 4; at++) await pool.run(matrix());
  const first = [pool.run(matrix()), pool.run(matrix()), pool.run(matrix())];
  const late = pool.run(matrix(), { deadlineMs: performance.now() + 100 });
  await t.throwsAsync(late, { code: 'BUSY', message: /runs wait, which takes/ });
  await Promise.all(first);
  await pool.drain();
});
