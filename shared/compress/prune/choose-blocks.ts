/** Chooses which residual blocks become one convolution: those that disturb the outputs least. */
import { FettleError } from '../../errors.ts';
import { batches } from '../../evaluate/dataset.ts';
import type { Tensors } from '../../evaluate/tensor.ts';
import type { Model } from '../../onnx/graph.ts';
import { openPrefix } from '../calibrate/prefix.ts';
import type { Recipe } from '../recipe.ts';
import { type Block, blocksOf, replaceBlocks, replacementName } from './blocks.ts';
import { fitModel } from './fit.ts';
import type { PruneRun } from './run.ts';

/** Blocks are compared on this many samples. */
const judgeSamples = 128;

/** Throws `RECIPE_INVALID` where a named block is none. */
export async function chooseBlocks(
  model: Model,
  asked: Recipe['blocks'],
  run: PruneRun,
): Promise<readonly Block[]> {
  if (asked === undefined) return [];
  const all = blocksOf(model);
  if (typeof asked !== 'number') return asked.map((name) => named(name, all));
  if (all.length <= asked) return all;
  const judged: { block: Block; noise: number }[] = [];
  for (const [at, block] of all.entries()) {
    run.signal.throwIfAborted();
    judged.push({ block, noise: await noiseOf(model, block, run) });
    const done = at + 1;
    run.onProgress?.({ what: 'judging blocks', done, total: all.length, unit: 'steps' });
  }
  const chosen = judged.toSorted((a, b) => a.noise - b.noise).slice(0, asked);
  return all.filter((block) => chosen.some((one) => one.block === block));
}

function named(name: string, blocks: readonly Block[]): Block {
  const found = blocks.find((block) => block.name === name);
  if (found) return found;
  const known = blocks.map((block) => block.name).join(', ') || 'there are none';
  throw new FettleError('RECIPE_INVALID', {
    reason: `${name} is no residual block; those of the model: ${known}`,
  });
}

/** Squared error of the outputs over their squares, this block alone replaced and fitted. */
async function noiseOf(model: Model, block: Block, run: PruneRun): Promise<number> {
  const replaced = replaceBlocks(model, [block]);
  const channels = Array.from({ length: block.outputs }, (_, at) => at);
  const kept = new Map([[replacementName(block.name), channels]]);
  const quiet = { ...run, onProgress: undefined, limit: Math.min(judgeSamples, run.limit) };
  await fitModel({ source: model, pruned: replaced, kept }, quiet);
  const outputs = model.graph.outputs.map(({ name }) => name);
  const whole = await openPrefix(model, outputs, run.threads);
  const part = await openPrefix(replaced, outputs, run.threads);
  let [error, energy] = [0, 0];
  try {
    for await (const batch of batches(run.dataSet, { limit: quiet.limit })) {
      const [a, b] = [await whole.run(batch.feeds), await part.run(batch.feeds)];
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

function compare(a: Tensors[string] | undefined, b: Tensors[string] | undefined): [number, number] {
  if (!(a?.data instanceof Float32Array) || !(b?.data instanceof Float32Array)) return [0, 0];
  let [error, energy] = [0, 0];
  for (let i = 0; i < a.data.length; i += 1) {
    const [x, y] = [a.data[i] ?? 0, b.data[i] ?? 0];
    error += (x - y) ** 2;
    energy += x * x;
  }
  return [error, energy];
}
