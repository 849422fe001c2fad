/**
 * Proposes recipes with the first layers in float, from how long each layer takes in float and in
 * integers on this device. First layers are where integers lose: few input channels, large maps.
 * Pure.
 */
import type { Recipe } from '../../shared/compress/recipe.ts';

export interface LayerTimes {
  /**
   * The layers of the integer variant, in the order of execution, with the bits they have there.
   */
  readonly layers: readonly { readonly name: string; readonly bits: number }[];
  readonly floatUs: readonly number[];
  readonly integerUs: readonly number[];
}

export interface Proposal {
  readonly recipe: Recipe;
  /** The share of the integer variant's time that this one is thought to take. */
  readonly predicted: number;
  readonly reason: string;
}

/** A proposal must promise this much: to build and to measure it takes minutes on a small board. */
const gainMin = 0.02;
/** More in float gives the bytes back that integers saved. */
const shareMax = 0.5;

/**
 * The best cut, if any promises to pay: the layers before it in float, those behind it as in
 * `base`. A layer that `base` holds in float already has nothing to gain.
 */
export function proposeCut(base: Recipe, times: LayerTimes): Proposal | null {
  const { layers, floatUs, integerUs } = times;
  const total = integerUs.reduce((sum, time) => sum + time, 0);
  let saved = 0;
  let best = { cut: 0, saved: 0 };
  for (let cut = 1; cut <= Math.floor(layers.length * shareMax); cut++) {
    if (layers[cut - 1]?.bits === 32) continue;
    saved += (integerUs[cut - 1] ?? 0) - (floatUs[cut - 1] ?? 0);
    if (saved > best.saved) best = { cut, saved };
  }
  if (total <= 0 || best.saved / total < gainMin) return null;
  const float = layers.slice(0, best.cut).map(({ name }): [string, 32] => [name, 32]);
  const predicted = 1 - best.saved / total;
  return {
    recipe: { ...base, layers: { ...base.layers, ...Object.fromEntries(float) } },
    predicted,
    reason:
      `the first ${best.cut} layers take ${best.saved.toFixed(0)} µs less in float here: ` +
      `${(100 * (1 - predicted)).toFixed(0)} % of the whole`,
  };
}
