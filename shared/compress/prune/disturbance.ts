/** How far a changed model's outputs are from the source's, on samples held out from fitting. */
import type { RuntimeTensor } from '../../evaluate/tensor.ts';
import type { Model } from '../../onnx/graph.ts';
import { openPrefix } from '../calibrate/prefix.ts';
import type { PruneRun } from './run.ts';
import { samples } from './samples.ts';

/** Squared error of the outputs over the squares of the source's. */
export async function disturbance(source: Model, changed: Model, run: PruneRun): Promise<number> {
  const outputs = source.graph.outputs.map(({ name }) => name);
  const whole = await openPrefix(source, outputs, run.threads);
  const part = await openPrefix(changed, outputs, run.threads);
  let [error, energy] = [0, 0];
  try {
    for await (const { feeds } of samples({ ...run, part: 'judge' })) {
      const [a, b] = [await whole.run(feeds), await part.run(feeds)];
      for (const name of outputs) {
        const [lost, had] = compare(a[name], b[name]);
        error += lost;
        energy += had;
      }
    }
  } finally {
    await whole.release();
    await part.release();
  }
  return energy > 0 ? error / energy : 0;
}

function compare(a: RuntimeTensor | undefined, b: RuntimeTensor | undefined): [number, number] {
  if (!(a?.data instanceof Float32Array) || !(b?.data instanceof Float32Array)) return [0, 0];
  let [error, energy] = [0, 0];
  for (let i = 0; i < a.data.length; i += 1) {
    const [x, y] = [a.data[i] ?? 0, b.data[i] ?? 0];
    error += (x - y) ** 2;
    energy += x * x;
  }
  return [error, energy];
}
