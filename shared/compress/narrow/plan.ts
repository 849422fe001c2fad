/** Decides per layer how many bits its weights get and in which blocks. Pure. */
import { type BlockShape, blocksOf, type NarrowBits } from '../blockwise/blocks.ts';
import { type BitWidth, blockSizes, type Recipe } from '../recipe.ts';
import type { Target } from '../targets.ts';
import type { NarrowForm, NarrowLayer } from './layers.ts';

export type NarrowPlan =
  | { readonly kind: 'float'; readonly reason: string }
  | { readonly kind: 'half' }
  | {
      readonly kind: 'blocks';
      readonly form: NarrowForm;
      readonly shape: BlockShape;
      /** Why it is unpacked although a kernel for packed weights exists; absent where it is not. */
      readonly reason?: string;
    };

/** Below 8 bits more blocks cost little and keep much; at 8 bits a row needs one scale. */
export const defaultBlock = { 8: 128, 4: 32, 2: 16 } as const satisfies Record<NarrowBits, number>;

/** What the nodes and names of an unpacked layer take in the file. */
const unpackNodeBytes = 700;

/** `bits` is what the recipe or a measurement gives the layer. */
export function planOf(
  layer: NarrowLayer,
  bits: BitWidth,
  { recipe, target }: { recipe: Recipe; target: Target },
): NarrowPlan {
  if (bits === 32) return { kind: 'float', reason: 'the recipe keeps it in float' };
  const floatBytes = 4 * layer.weights.length;
  if (bits === 16) return halfPlan(layer, floatBytes);
  const wanted = recipe.blockSize ?? fittingBlock(layer, bits);
  const plan = { kind: 'blocks', ...blocksPlan(layer, { bits, wanted, target }) } as const;
  if (storedBytes(plan) < floatBytes) return plan;
  return { kind: 'float', reason: `too small: ${bits} bits with their scales save no bytes` };
}

/** The default, or a smaller block where that one would mostly be filling. */
function fittingBlock({ rows, columns, form }: NarrowLayer, bits: NarrowBits): number {
  const bytesAt = (blockSize: number) =>
    storedBytes({ form, shape: { bits, rows, columns, blockSize } });
  let best: number = defaultBlock[bits];
  if (form === 'unpack') return best;
  for (const size of blockSizes) if (size < best && bytesAt(size) < bytesAt(best)) best = size;
  return best;
}

function halfPlan(layer: NarrowLayer, floatBytes: number): NarrowPlan {
  if (floatBytes < unpackNodeBytes) return { kind: 'float', reason: 'too small to save bytes' };
  const most = layer.weights.reduce((peak, weight) => Math.max(peak, Math.abs(weight)), 0);
  if (most < halfMax) return { kind: 'half' };
  return { kind: 'float', reason: `its largest weight, ${most}, is beyond float16` };
}

/** From here on float16 rounds to infinity. */
const halfMax = 65520;

function blocksPlan(
  layer: NarrowLayer,
  { bits, wanted, target }: { bits: NarrowBits; wanted: number; target: Target },
): { form: NarrowForm; shape: BlockShape; reason?: string } {
  const { rows, columns, form } = layer;
  if (form !== 'unpack' && target.blockBits.includes(kernelBits(bits))) {
    return { form, shape: { bits, rows, columns, blockSize: wanted } };
  }
  const blockSize = bits === 8 ? columns : storageBlock(columns, wanted);
  const shape = { bits, rows, columns, blockSize };
  if (form === 'unpack') return { form, shape };
  const reason = `${target.name} has no fast kernel for ${bits}-bit blocks`;
  return { form: 'unpack', shape, reason };
}

/** The width that the kernel reads: 2 bits have no fast one, and are widened when loaded. */
export function kernelBits(bits: NarrowBits): 8 | 4 {
  return bits === 8 ? 8 : 4;
}

/** Blocks of one size that fill a row: the divisor nearest to what is wanted, by ratio. */
export function storageBlock(columns: number, wanted: number): number {
  let best = columns;
  for (let size = 1; size <= Math.min(columns, 2 * wanted); size += 1) {
    if (columns % size === 0 && ratio(size, wanted) < ratio(best, wanted)) best = size;
  }
  return ratio(best, wanted) > 4 ? columns : best;
}

function ratio(a: number, b: number): number {
  return Math.max(a / b, b / a);
}

/** About what the layer takes in the file. */
export function storedBytes({ form, shape }: { form: NarrowForm; shape: BlockShape }): number {
  const { bits, rows, columns, blockSize } = shape;
  const blocks = rows * blocksOf(shape);
  const integers = form === 'unpack' ? rows * columns + blocks : blocks * (blockSize + 1);
  return (integers * bits) / 8 + 2 * blocks + unpackNodeBytes;
}
