/**
 * The layout of `MatMulNBits` (onnxruntime docs/ContribOperators.md, com.microsoft.MatMulNBits;
 * onnxruntime/core/mlas/lib/qnbitgemm.cpp): integers `[N, blocks, blockSize·bits/8]`, the lowest
 * bits first; zero points of a row packed the same way, each row begins on a byte.
 */
import { type BlockWeights, blocksOf, type NarrowBits } from './blocks.ts';

export interface PackedWeights {
  /** uint8 [rows, blocks, blockSize·bits/8]; a short last block is filled with its zero point. */
  readonly bytes: Uint8Array;
  /** uint8 [rows, ceil(blocks·bits/8)]. */
  readonly zeros: Uint8Array;
  /** float [rows, blocks]. */
  readonly scales: Float32Array;
}

export function packBlocks(blocks: BlockWeights): PackedWeights {
  const { bits, rows, columns, blockSize } = blocks;
  const perRow = blocksOf(blocks);
  const zeroRowBytes = Math.ceil((perRow * bits) / 8);
  const zeros = new Uint8Array(rows * zeroRowBytes);
  const padded = new Uint8Array(rows * perRow * blockSize);
  for (let row = 0; row < rows; row += 1) {
    const own = blocks.zeros.subarray(row * perRow, (row + 1) * perRow);
    zeros.set(packBits(own, bits), row * zeroRowBytes);
    const line = padded.subarray(row * perRow * blockSize, (row + 1) * perRow * blockSize);
    line.fill(own[perRow - 1] ?? 0);
    line.set(blocks.integers.subarray(row * columns, (row + 1) * columns));
  }
  return { bytes: packBits(padded, bits), zeros, scales: Float32Array.from(blocks.scales) };
}

/** Values of so many bits each, the first in the lowest bits of the first byte. */
export function packBits(values: Uint8Array, bits: NarrowBits): Uint8Array {
  if (bits === 8) return values.slice();
  const perByte = 8 / bits;
  const bytes = new Uint8Array(Math.ceil(values.length / perByte));
  for (let i = 0; i < values.length; i += 1) {
    const at = Math.floor(i / perByte);
    bytes[at] = (bytes[at] ?? 0) | ((values[i] ?? 0) << (bits * (i % perByte)));
  }
  return bytes;
}

/** The inverse of `packBits`; a last byte that was not full gives values past the end. */
export function unpackBits(bytes: Uint8Array, bits: NarrowBits): Uint8Array {
  if (bits === 8) return bytes.slice();
  const perByte = 8 / bits;
  const values = new Uint8Array(bytes.length * perByte);
  for (let i = 0; i < values.length; i += 1) {
    const byte = bytes[Math.floor(i / perByte)] ?? 0;
    values[i] = (byte >> (bits * (i % perByte))) & (2 ** bits - 1);
  }
  return values;
}
