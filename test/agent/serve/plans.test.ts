/** Plans of several sessions, stages or rows answer as one session does, each run with its own. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openPool, poolLimits } from '../../../agent/serve/pool.ts';
import { randomFeeds } from '../../../shared/evaluate/random-feeds.ts';
import { openSession, type Session } from '../../../shared/evaluate/runtime.ts';
import type { Tensors } from '../../../shared/evaluate/tensor.ts';
import { productRoot } from '../../../shared/product.ts';
import type { Plan } from '../../../shared/protocol/tuning.ts';
import { doublingModel } from '../../support/arithmetic.ts';
import { sharedModelOrSkip } from '../../support/models.ts';
import { plan } from '../../support/trials/figures.ts';

const digits = join(productRoot(), 'examples/digits/model.onnx');
const requests = 60;

/** What one session of one thread answers, one request after the other. */
async function expected(path: string): Promise<{ feeds: Tensors[]; answers: Tensors[] }> {
  const session = await openSession(path, { threads: 1, spinning: false });
  const feeds = Array.from({ length: requests }, (_, at) => feedsOf(session, at + 1));
  const answers: Tensors[] = [];
  for (const one of feeds) answers.push(await session.run(one));
  await session.release();
  return { feeds, answers };
}

function feedsOf({ inputs }: Session, seed: number): Tensors {
  return randomFeeds(inputs, { seed, size: 1, integerMax: 9 });
}

async function answersOf(path: string, how: Plan, feeds: readonly Tensors[]): Promise<Tensors[]> {
  const limits = { ...poolLimits, gatherMs: 50 };
  const pool = await openPool({ path, plan: how }, { limits });
  try {
    return await Promise.all(feeds.map((one) => pool.run(structuredClone(one))));
  } finally {
    await pool.drain();
  }
}

async function sameBits(t: ExecutionContext, path: string, how: Plan): Promise<void> {
  const { feeds, answers } = await expected(path);
  t.deepEqual(await answersOf(path, how, feeds), answers);
}

test.serial('instances: the bits of one session, in order', async (t) => {
  await sameBits(t, digits, plan(1, 2));
});

for (const stages of [2, 3]) {
  test.serial(`${stages} stages: the bits of one session, in order`, async (t) => {
    await sameBits(t, digits, { ...plan(), stages });
  });
}

for (const name of ['squeezenet', 'resnet20-cifar', 'mobilenet-v1-025', 'keywords']) {
  test.serial(`stages of ${name}: the bits of one session, in order`, async (t) => {
    const path = sharedModelOrSkip(t, `${name}/model.onnx`);
    if (path) await sameBits(t, path, { ...plan(), stages: 2 });
  });
}

test.serial('an integer model in stages gives the same bits', async (t) => {
  const path = sharedModelOrSkip(t, 'other/resnet20-ort-qdq.onnx');
  if (path) await sameBits(t, path, { ...plan(), stages: 2 });
});

test.serial('batches: each request gets its own rows, equal up to rounding', async (t) => {
  const { feeds, answers } = await expected(digits);
  const got = await answersOf(digits, { ...plan(), batch: 8 }, feeds);
  for (const [at, outputs] of answers.entries()) {
    for (const [name, { dims, data }] of Object.entries(outputs)) {
      t.deepEqual(got[at]?.[name]?.dims, dims);
      const other = got[at]?.[name]?.data ?? [];
      data.forEach((value: unknown, index: number) => {
        const [a, b] = [Number(value), Number(other[index])];
        t.true(Math.abs(a - b) <= 1e-4 * Math.max(1, Math.abs(a)), `${name}[${index}]: ${a} ${b}`);
      });
    }
  }
});

const rows = (...values: number[]): Tensors => ({
  x: { type: 'float', dims: [values.length, 1], data: Float32Array.from(values) },
});

test('requests of several rows, and one that is refused, share a batch plan', async (t) => {
  const path = await doublingModel(t, { dims: ['n', 1] });
  const pool = await openPool({ path, plan: { ...plan(), batch: 4 } });
  const wrong: Tensors = { x: { type: 'float', dims: [2, 3], data: new Float32Array(6) } };
  const runs = [rows(1), rows(2, 3), pool.run(wrong), rows(4), rows(5, 6, 7, 8, 9), rows(10)];
  const settled = await Promise.allSettled(
    runs.map((one) => (one instanceof Promise ? one : pool.run(one))),
  );
  const values = settled.map((one) =>
    one.status === 'fulfilled' ? [...(one.value.y?.data ?? [])].map(Number) : null,
  );
  t.deepEqual(values, [[2], [4, 6], null, [8], [10, 12, 14, 16, 18], [20]]);
  await pool.drain();
});

test('a model of a fixed batch runs each request alone', async (t) => {
  const path = await doublingModel(t, { dims: [1, 1] });
  const pool = await openPool({ path, plan: { ...plan(), batch: 4 } });
  const answers = await Promise.all([1, 2, 3].map((value) => pool.run(rows(value))));
  t.deepEqual(
    answers.map(({ y }) => [...(y?.data ?? [])]),
    [[2], [4], [6]],
  );
  await pool.drain();
});

test('a model of one node cannot be cut, and says so', async (t) => {
  const path = await doublingModel(t, { dims: [1, 1] });
  const opening = openPool({ path, plan: { ...plan(), stages: 2 } });
  const error = await t.throwsAsync(opening, { code: 'SERVE_FAILED' });
  t.regex(error?.message ?? '', /cannot be cut into 2 stages/);
  t.true(readFileSync(path).length > 0);
});
