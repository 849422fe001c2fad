/** How far two models differ on the same seeded inputs. */
import { randomFeeds } from '../../shared/evaluate/random-feeds.ts';
import { openSession } from '../../shared/evaluate/runtime.ts';
import { numbersOf, type Tensors } from '../../shared/evaluate/tensor.ts';
import { feeds, type Model } from '../../shared/onnx/graph.ts';
import { writeModel } from '../../shared/onnx/write.ts';

/** The largest difference of any output over that output's largest value, over three inputs. */
export async function worstDifference(a: Model, b: Model): Promise<number> {
  const one = await openSession(writeModel(a), { threads: 1 });
  const other = await openSession(writeModel(b), { threads: 1 });
  const names = new Set(feeds(a.graph).map(({ name }) => name));
  const inputs = one.inputs.filter(({ name }) => names.has(name));
  let worst = 0;
  try {
    for (let seed = 1; seed <= 3; seed += 1) {
      const values = randomFeeds(inputs, { seed, size: 224, integerMax: 9 });
      worst = Math.max(worst, difference(await one.run(values), await other.run(values)));
    }
  } finally {
    await one.release();
    await other.release();
  }
  return worst;
}

function difference(expected: Tensors, got: Tensors): number {
  let worst = 0;
  for (const [name, tensor] of Object.entries(expected)) {
    const other = got[name];
    if (!other || other.dims.join() !== tensor.dims.join()) return Number.POSITIVE_INFINITY;
    const [x, y] = [numbersOf(tensor), numbersOf(other)];
    let [most, apart] = [0, 0];
    for (let i = 0; i < x.length; i += 1) {
      most = Math.max(most, Math.abs(x[i] ?? 0));
      apart = Math.max(apart, Math.abs((x[i] ?? 0) - (y[i] ?? Number.NaN)));
    }
    worst = Math.max(worst, Number.isNaN(apart) ? Number.POSITIVE_INFINITY : apart / (most || 1));
  }
  return worst;
}
