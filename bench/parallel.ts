/** Several runs at the same time: sessions side by side, stages one behind the other, batches. */
import { existsSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { isBatchable } from '../agent/serve/gather.ts';
import { openPool } from '../agent/serve/pool.ts';
import { planName } from '../agent/tune/explain.ts';
import { runFinal } from '../agent/tune/trial.ts';
import { sourceRecipe } from '../shared/compress/recipe.ts';
import { digestOf } from '../shared/digest.ts';
import { randomFeeds } from '../shared/evaluate/random-feeds.ts';
import { openSession } from '../shared/evaluate/runtime.ts';
import type { Tensors } from '../shared/evaluate/tensor.ts';
import { productRoot } from '../shared/product.ts';
import type { Plan } from '../shared/protocol/tuning.ts';
import type { Bench, BenchContext } from './bench.ts';

const models = ['keywords', 'resnet8-cifar', 'resnet20-cifar', 'squeezenet', 'mobilenet-v1-025'];
const one: Plan = { provider: 'cpu', threads: 1, instances: 1, batch: 1, stages: 1 };
const plans: readonly Plan[] = [
  one,
  { ...one, threads: 2 },
  { ...one, instances: 2 },
  { ...one, stages: 2 },
  { ...one, batch: 8 },
];
const seconds = 25;
const requests = 200;

export const bench: Bench = {
  what: 'Throughput of plans against one session of one thread, on two cores',
  async run({ asked, note, signal }) {
    const rows = [];
    for (const model of models.filter(asked)) {
      const path = join(productRoot(), '..', 'shared', 'models', model, 'model.onnx');
      if (!existsSync(path)) {
        note(`${model} is not on this machine`);
        continue;
      }
      note(model);
      rows.push(await rowOf(model, path, signal));
    }
    const load = `The machine's load average was ${loadavg()[0]?.toFixed(1)} at the end.`;
    return { columns, rows, notes: [...notes, load] };
  },
};

const columns = ['model', 'a second', ...plans.slice(1).map(planName), 'same bits, in order'];

async function rowOf(model: string, path: string, signal: BenchContext['signal']) {
  const variant = {
    ...{ recipe: sourceRecipe, digest: digestOf(model), bytes: 0, path, quality: null },
    goldenPath: null,
  };
  const figures = await runFinal(
    plans.map((plan) => ({ variant, plan })),
    {
      effort: { warmUpMs: 300, runsMin: 50, secondsMin: seconds, spread: 0, secondsMax: seconds },
      ...{ compare: 'throughput', memoryLimitMiB: null, timeoutMs: 300_000, niceness: 0, signal },
    },
  );
  const [first, ...others] = figures;
  const session = await openSession(path, { threads: 1 });
  const ratios = others.map(({ versus }, at) =>
    plans[at + 1]?.batch !== 1 && !isBatchable(session)
      ? 'its batch is fixed'
      : versus
        ? `${versus.ratio.toFixed(2)} (${versus.low.toFixed(2)}–${versus.high.toFixed(2)})`
        : 'not run',
  );
  const same: string[] = [];
  for (const plan of plans.slice(2, 4)) same.push(await sameBits(path, plan));
  return [model, first?.throughputPerSecond ?? 0, ...ratios, same.join(', ')];
}

/** Whether so many requests at once are answered as one session answers them one by one. */
async function sameBits(path: string, plan: Plan): Promise<string> {
  const session = await openSession(path, { threads: 1, spinning: false });
  const feeds: Tensors[] = [];
  const expected: string[] = [];
  for (let seed = 1; seed <= requests; seed++) {
    const fed = randomFeeds(session.inputs, { seed, size: 1, integerMax: 9 });
    expected.push(JSON.stringify(bitsOf(await session.run(fed))));
    feeds.push(fed);
  }
  await session.release();
  const pool = await openPool({ path, plan });
  const answers = await Promise.all(feeds.map((fed) => pool.run(fed)));
  await pool.drain();
  const same = answers.filter((outputs, at) => JSON.stringify(bitsOf(outputs)) === expected[at]);
  return `${planName(plan)}: ${same.length} of ${requests}`;
}

function bitsOf(outputs: Tensors): unknown {
  return Object.entries(outputs).map(([name, { dims, data }]) => [
    ...[name, dims],
    Array.isArray(data)
      ? data
      : Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex'),
  ]);
}

const notes = [
  'Times the throughput of one session of one thread, with its 95 % interval; all alternate.',
  'Each plan is kept busy through the queue that serves, a request waiting behind each run.',
  'Same bits: requests at once against one session, one request after the other.',
];
