/** Recipes that take less away than the one asked for, each less than the one before. Pure. */
import { own } from '../own.ts';
import type { Allocation } from './allocate/front.ts';
import type { BitsOption } from './allocate/widths.ts';
import { prunes, type Recipe } from './recipe.ts';

export interface Retreat {
  readonly recipe: Recipe;
  /** What it gives back. */
  readonly said: string;
}

/** Of all that pruning takes away, so much is given back. */
const shares = [0.25, 0.5, 0.75, 1];

/** Fewer channels, blocks and weights go, at last none. */
export function lessPruned(recipe: Recipe): Retreat[] {
  if (!prunes(recipe)) return [];
  const { keep, blocks, dropped, ranks, sparsity, ...rest } = recipe;
  return shares.map((share) => {
    if (share === 1) return { recipe: rest, said: 'all channels, blocks and weights came back' };
    const less: Recipe = {
      ...rest,
      ...(keep !== undefined && { keep: keptMore(keep, share) }),
      ...(blocks !== undefined && { blocks: fewer(blocks, share) }),
      ...(dropped !== undefined && { dropped: fewer(dropped, share) }),
      ...(ranks !== undefined && { ranks: fewerOf(ranks, share) }),
      ...(typeof sparsity === 'number' && { sparsity: sparsity * (1 - share) }),
    };
    return { recipe: less, said: `${100 * share} % of what pruning took came back` };
  });
}

function keptMore(keep: NonNullable<Recipe['keep']>, share: number): Recipe['keep'] {
  const more = (ratio: number) => Number((ratio + (1 - ratio) * share).toFixed(6));
  if (typeof keep === 'number') return more(keep);
  return Object.fromEntries(Object.entries(keep).map(([group, ratio]) => [group, more(ratio)]));
}

function fewer(blocks: NonNullable<Recipe['blocks']>, share: number): Recipe['blocks'] {
  if (typeof blocks === 'number') return Math.floor(blocks * (1 - share));
  return blocks.slice(0, Math.floor(blocks.length * (1 - share)));
}

function fewerOf(ranks: NonNullable<Recipe['ranks']>, share: number): Recipe['ranks'] {
  const all = Object.entries(ranks);
  return Object.fromEntries(all.slice(0, Math.floor(all.length * (1 - share))));
}

/** One layer after the other goes back to float, in the order given; at last all are. */
export function backToFloat(recipe: Recipe, order: readonly string[]): Retreat[] {
  const some = order.slice(0, -1).map((_, at) => {
    const names = order.slice(0, at + 1);
    const float = Object.fromEntries(names.map((name) => [name, 32 as const]));
    const said = `${names.length} layers went back to float, the worst first`;
    return {
      recipe: { ...recipe, layers: { ...recipe.layers, ...float } },
      said: `${said} (${names.join(', ')})`,
    };
  });
  return [...some, wholeFloat(recipe)];
}

/** Bisection needs no more. */
const stepsMax = 32;

/** Layers get more bits, where that saves most quality for its bytes; at last all are float. */
export function moreBits(recipe: Recipe, front: readonly Allocation<BitsOption>[]): Retreat[] {
  const step = Math.max(1, (front.length - 1) / stepsMax);
  const taken = Array.from({ length: Math.ceil((front.length - 1) / step) }, (_, at) =>
    Math.min(front.length - 1, Math.round((at + 1) * step)),
  );
  const wider = [...new Set(taken)].flatMap((at) => {
    const chosen = front[at]?.chosen;
    if (!chosen) return [];
    const layers = Object.fromEntries([...chosen].map(([name, { bits }]) => [name, bits]));
    const next: Recipe = { ...recipe, layers: { ...recipe.layers, ...layers } };
    return [{ recipe: next, said: `layers got more bits (${bitsSaid(recipe, next)})` }];
  });
  return [...wider, wholeFloat(recipe)];
}

function wholeFloat({ layers: _, activations: __, ...recipe }: Recipe): Retreat {
  return { recipe: { ...recipe, bits: 32 }, said: 'every layer went back to float' };
}

function bitsSaid(before: Recipe, after: Recipe): string {
  return Object.entries(after.layers ?? {})
    .filter(([name, bits]) => bits !== (own(before.layers, name) ?? before.bits))
    .map(([name, bits]) => `${name} ${bits}`)
    .join(', ');
}
