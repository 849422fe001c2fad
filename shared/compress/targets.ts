/**
 * What 8-bit kernels a processor has, as data. Sources: onnxruntime/core/mlas/lib/platform.cpp
 * (dispatch), convsym.cpp and qlinearconv.cc (which shapes have a fast kernel), and measurements
 * of single nodes on x86-64 with VNNI.
 */
import { FettleError } from '../errors.ts';
import type { BitWidth, Recipe } from './recipe.ts';

/** How many channels kernels like to have. */
export interface Rounding {
  /** Counts kept are multiples of this … */
  readonly channels: number;
  /** … or of this in groups of at most `few`. */
  readonly fewChannels: number;
  readonly few: number;
}

export interface Target {
  readonly name: string;
  /** Type of quantized activations. */
  readonly activations: 'uint8' | 'int8';
  /** Largest |integer| of a weight. */
  readonly weightMax: number;
  /** Pairs of products are summed in 16 bits and may saturate. */
  readonly saturates: boolean;
  /**
   * Convolutions that are slower in 8 bits than in float: a first layer with at most
   * `inputs` channels in and `outputs` out, whose rows are too short for the integer kernel.
   */
  readonly floatStem: { readonly inputs: number; readonly outputs: number };
  /** Depthwise convolutions need this many channels to have a fast 8-bit kernel. */
  readonly depthwiseChannels: number;
  /** What kept channels are rounded to: other counts are padded by the kernels or slower. */
  readonly rounding: Rounding;
  /**
   * Widths of block-wise weights with a fast kernel (onnxruntime/core/mlas/lib/qnbitgemm.cpp). In
   * 1.27 that of 2 bits was measured 40 times slower than float: 2 bits are widened to 4 at load.
   */
  readonly blockBits: readonly BitWidth[];
}

/** Vectors of 16 floats or integers; half of them where a layer is narrow. */
const rounding: Rounding = { channels: 16, fewChannels: 8, few: 32 };

const x64: Target = {
  name: 'x64',
  activations: 'uint8',
  weightMax: 127,
  saturates: true,
  floatStem: { inputs: 4, outputs: 16 },
  depthwiseChannels: 16,
  rounding,
  blockBits: [8, 4],
};

export const targets = {
  'x64-vnni': { ...x64, name: 'x64-vnni', saturates: false },
  x64,
  'arm64-dotprod': {
    name: 'arm64-dotprod',
    activations: 'uint8',
    weightMax: 127,
    saturates: false,
    floatStem: { inputs: 4, outputs: 8 },
    depthwiseChannels: 8,
    rounding,
    blockBits: [8, 4],
  },
  arm64: {
    name: 'arm64',
    activations: 'uint8',
    weightMax: 127,
    saturates: false,
    floatStem: { inputs: 4, outputs: 8 },
    depthwiseChannels: 8,
    rounding,
    blockBits: [4],
  },
} as const satisfies Record<string, Target>;

export type TargetName = keyof typeof targets;

/**
 * What a variant is built for where the recipe does not say: exact on every processor but old x86.
 */
export const defaultTarget: TargetName = 'x64-vnni';

export function isTarget(name: string): name is TargetName {
  return Object.hasOwn(targets, name);
}

/** Throws `RECIPE_INVALID`. */
export function targetOf(recipe: Recipe): Target {
  const name = recipe.target ?? defaultTarget;
  if (isTarget(name)) return targets[name];
  throw new FettleError('RECIPE_INVALID', {
    reason: `target ${name} is not one of ${Object.keys(targets).join(', ')}`,
  });
}
