/** Every kind of variant, and how alike its outputs must be on the two architectures. */
import type { Recipe } from '../../shared/compress/recipe.ts';

export interface Kind {
  readonly recipe: Recipe;
  /**
   * Signal to noise of the outputs against those of x64, in dB, of the worst golden sample. Kernels
   * add floats in other orders, and a value that then falls on the other side of a half becomes
   * another integer.
   */
  readonly sqnrDbMin: number;
}

const floats = { sqnrDbMin: 100 };
const integers = { sqnrDbMin: 30 };

export const kinds: readonly Kind[] = [
  { recipe: { v: 1, bits: 32 }, ...floats },
  { recipe: { v: 1, bits: 16 }, ...floats },
  { recipe: { v: 1, bits: 8, target: 'x64-vnni' }, ...integers },
  { recipe: { v: 1, bits: 8, target: 'arm64-dotprod' }, ...integers },
  {
    recipe: { v: 1, bits: 8, calibrator: 'entropy', corrections: ['bias', 'equalize'] },
    ...integers,
  },
  { recipe: { v: 1, bits: 8, activations: 32 }, ...floats },
  // The kernel of 4 bits quantizes activations as it goes.
  { recipe: { v: 1, bits: 4, blockSize: 64 }, ...integers },
  { recipe: { v: 1, bits: 2 }, ...integers },
  { recipe: { v: 1, bits: 8, scheme: 'pow2' }, ...integers },
  { recipe: { v: 1, bits: 4, scheme: 'pow2' }, ...integers },
  { recipe: { v: 1, bits: 8, keep: 0.75 }, ...integers },
  { recipe: { v: 1, bits: 32, blocks: 1 }, ...floats },
  { recipe: { v: 1, bits: 8, dropped: 1 }, ...integers },
  { recipe: { v: 1, bits: 8, ranks: { '/blocks/blocks.5/conv2/Conv': 32 } }, ...integers },
  { recipe: { v: 1, bits: 8, sparsity: '2:4' }, ...integers },
];
