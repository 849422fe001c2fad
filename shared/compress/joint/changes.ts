/** The single changes that a joint recipe is put together from, and recipes from them. Pure. */
import type { Allocation, Option } from '../allocate/front.ts';
import type { Recipe } from '../recipe.ts';

/** What one option of a unit does; all members absent: nothing. */
export interface Change extends Option {
  /** A group of channels and the share of them that is kept. */
  readonly keep?: { readonly group: string; readonly share: number };
  /** A residual block that becomes one convolution. */
  readonly block?: string;
  /** A residual block that goes. */
  readonly dropped?: string;
  /** A layer that becomes two, and the channels between them. */
  readonly rank?: { readonly layer: string; readonly rank: number };
  /** A layer that stays float where others compute in 8 bits. */
  readonly float?: string;
}

/** The recipe that makes all of the changes. */
export function recipeOf(bits: 32 | 8, { chosen }: Pick<Allocation<Change>, 'chosen'>): Recipe {
  const changes = [...chosen.values()];
  const keep = Object.fromEntries(
    changes.flatMap((change) => (change.keep ? [[change.keep.group, change.keep.share]] : [])),
  );
  const blocks = changes.flatMap(({ block }) => block ?? []);
  const dropped = changes.flatMap((change) => change.dropped ?? []);
  const ranks = Object.fromEntries(
    changes.flatMap(({ rank }) => (rank ? [[rank.layer, rank.rank]] : [])),
  );
  const layers = Object.fromEntries(
    changes.flatMap(({ float }) => (float === undefined ? [] : [[float, 32 as const]])),
  );
  return {
    ...{ v: 1, bits },
    ...(Object.keys(keep).length > 0 && { keep }),
    ...(blocks.length > 0 && { blocks }),
    ...(dropped.length > 0 && { dropped }),
    ...(Object.keys(ranks).length > 0 && { ranks }),
    ...(Object.keys(layers).length > 0 && { layers }),
  };
}

/** Noise over signal beyond which a model is of no use, whatever is fitted again: 7 dB. */
const lossMax = 0.2;

/** Those of a front that are worth building, the one that loses least first. */
export function promising<T extends { readonly loss: number }>(front: readonly T[]): T[] {
  const least = Math.min(...front.map(({ loss }) => loss));
  return front
    .filter(({ loss }) => loss <= Math.max(least, lossMax))
    .toSorted((a, b) => a.loss - b.loss);
}

/** So many of a front, evenly spread over what they cost, in the order of the front. */
export function spread<T extends { readonly ms: number }>(front: readonly T[], count: number): T[] {
  const [first, last] = [front[0]?.ms ?? 0, front.at(-1)?.ms ?? 0];
  const chosen = Array.from({ length: count }, (_, at) => {
    const aim = first + ((last - first) * at) / Math.max(1, count - 1);
    return front.reduce<T | undefined>(
      (best, one) =>
        best === undefined || Math.abs(one.ms - aim) < Math.abs(best.ms - aim) ? one : best,
      undefined,
    );
  });
  return [...new Set(chosen)].filter((one) => one !== undefined);
}
