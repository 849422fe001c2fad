/** Rounded weights as text for the record, and back. */
import { FettleError } from '../../errors.ts';
import { type BlockShape, type BlockWeights, blocksOf } from '../blockwise/blocks.ts';
import { packBits, unpackBits } from '../blockwise/pack.ts';
import type { NarrowWeights } from '../record.ts';

export function encodeWeights(blocks: BlockWeights): NarrowWeights {
  const { bits, blockSize, integers, zeros, scales } = blocks;
  return {
    bits,
    blockSize,
    integers: textOf(packBits(integers, bits)),
    zeros: textOf(packBits(zeros, bits)),
    scales: textOf(new Uint8Array(Float32Array.from(scales).buffer)),
  };
}

/** Throws `VARIANT_FAILED` where the record does not fit the layer. */
export function decodeWeights(
  stored: NarrowWeights,
  shape: BlockShape,
  layer: string,
): BlockWeights {
  const { bits, rows, columns, blockSize } = shape;
  const count = rows * blocksOf(shape);
  const integers = unpackBits(bytesOf(stored.integers), bits);
  const zeros = unpackBits(bytesOf(stored.zeros), bits);
  const scales = floatsIn(stored.scales);
  const fits =
    stored.bits === bits &&
    stored.blockSize === blockSize &&
    integers.length >= rows * columns &&
    zeros.length >= count &&
    scales.length === count &&
    scales.every(Number.isFinite);
  if (!fits) {
    throw new FettleError('VARIANT_FAILED', {
      recipe: `of ${bits} bits`,
      reason: `the record of measurements holds other weights for ${layer} than it has`,
    });
  }
  return {
    ...shape,
    integers: integers.slice(0, rows * columns),
    zeros: zeros.slice(0, count),
    scales,
  };
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(text, 'base64'));
}

function floatsIn(text: string): Float64Array {
  const { buffer, byteLength } = bytesOf(text);
  return Float64Array.from(new Float32Array(buffer, 0, Math.floor(byteLength / 4)));
}
