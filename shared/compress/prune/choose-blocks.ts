/** Chooses which residual blocks go: those that disturb the outputs least. */
import { FettleError } from '../../errors.ts';
import type { Model } from '../../onnx/graph.ts';
import type { Recipe } from '../recipe.ts';
import { type Block, blocksOf } from './blocks.ts';
import { retargetedLayers } from './changed.ts';
import { disturbance } from './disturbance.ts';
import { fitModel } from './fit.ts';
import type { PruneRun } from './run.ts';
import { type BlockNames, withoutBlocks } from './without-blocks.ts';

/** Blocks are compared on this many samples. */
const judgeSamples = 64;

/** Throws `RECIPE_INVALID` where a named block is none, or cannot go. */
export async function chooseBlocks(
  model: Model,
  { blocks = 0, dropped = 0 }: Pick<Recipe, 'blocks' | 'dropped'>,
  run: PruneRun,
): Promise<BlockNames> {
  const all = blocksOf(model);
  // Named ones are spoken for before any are chosen by their number.
  const spoken = [blocks, dropped].flatMap((asked) => (typeof asked === 'number' ? [] : asked));
  const left = all.filter(({ name }) => !spoken.includes(name));
  const replaced = await chosen(left, blocks, (name) =>
    noiseOf(model, { replaced: [name], dropped: [] }, run),
  );
  const droppable = left.filter((one) => one.droppable && !replaced.includes(one.name));
  const gone = await chosen(droppable, dropped, (name) =>
    noiseOf(model, { replaced: [], dropped: [name] }, run),
  );
  checkNames(replaced, all, 'no residual block');
  checkNames(
    gone,
    all.filter((one) => one.droppable && !replaced.includes(one.name)),
    'no residual block that can go',
  );
  return { replaced, dropped: gone };
}

async function chosen(
  blocks: readonly Block[],
  asked: NonNullable<Recipe['blocks']>,
  noise: (name: string) => Promise<number>,
): Promise<readonly string[]> {
  if (typeof asked !== 'number') return asked;
  const names = blocks.map(({ name }) => name);
  if (asked === 0 || names.length <= asked) return asked === 0 ? [] : names;
  const judged: { name: string; noise: number }[] = [];
  for (const name of names) judged.push({ name, noise: await noise(name) });
  const least = judged.toSorted((a, b) => a.noise - b.noise).slice(0, asked);
  return names.filter((name) => least.some((one) => one.name === name));
}

function checkNames(names: readonly string[], blocks: readonly Block[], what: string): void {
  const strange = names.find((name) => !blocks.some((block) => block.name === name));
  if (strange === undefined) return;
  const known = blocks.map(({ name }) => name).join(', ') || 'there are none';
  throw new FettleError('RECIPE_INVALID', {
    reason: `${strange} is ${what}; those of the model: ${known}`,
  });
}

/** Without this block alone, what takes its part fitted, on samples that it was not fitted to. */
async function noiseOf(model: Model, names: BlockNames, run: PruneRun): Promise<number> {
  run.signal.throwIfAborted();
  const [name = ''] = [...names.replaced, ...names.dropped];
  run.onProgress?.({ what: `judging block ${name}`, done: 0, total: 1, unit: 'steps' });
  const pruned = withoutBlocks(model, names);
  const kept = retargetedLayers(model, pruned);
  const limit = Math.min(judgeSamples, run.limit);
  const quiet: PruneRun = { ...run, onProgress: undefined, limit, part: 'fit' };
  await fitModel({ source: model, pruned, kept }, quiet);
  return disturbance(model, pruned, quiet);
}
