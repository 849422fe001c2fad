/** Chooses which residual blocks become one convolution: those that disturb the outputs least. */
import { FettleError } from '../../errors.ts';
import type { Model } from '../../onnx/graph.ts';
import type { Recipe } from '../recipe.ts';
import { type Block, blocksOf, replaceBlocks, replacementName } from './blocks.ts';
import { disturbance } from './disturbance.ts';
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

/** This block alone replaced and fitted, on samples that it was not fitted to. */
async function noiseOf(model: Model, block: Block, run: PruneRun): Promise<number> {
  const replaced = replaceBlocks(model, [block]);
  const channels = Array.from({ length: block.outputs }, (_, at) => at);
  const kept = new Map([[replacementName(block.name), channels]]);
  const limit = Math.min(judgeSamples, run.limit);
  const quiet: PruneRun = { ...run, onProgress: undefined, limit, part: 'fit' };
  await fitModel({ source: model, pruned: replaced, kept }, quiet);
  return disturbance(model, replaced, quiet);
}
