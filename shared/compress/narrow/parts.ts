/**
 * Wide layers in parts of their columns: second moments take columns² numbers, and what columns of
 * different parts have in common is left aside. A layer that is not too wide is one part.
 */
import { type BlockShape, type BlockWeights, emptyBlocks } from '../blockwise/blocks.ts';
import { type Fitted, fitLayer } from './fit.ts';
import type { MomentSums } from './moments.ts';
import type { Patches } from './patches.ts';

export interface Part {
  readonly from: number;
  readonly to: number;
}

export type SeenPart = Part & { readonly sums: MomentSums };

/** 2304² second moments are 42 MB. */
const columnsMax = 2304;
/** Parts of a layer that is wider; also a multiple of every block that a kernel takes. */
const partColumns = 1024;

/** undefined where a wide layer has blocks that do not fit into parts. */
export function partsOf({
  columns,
  blockSize,
}: Pick<BlockShape, 'columns' | 'blockSize'>): Part[] | undefined {
  if (columns <= columnsMax) return [{ from: 0, to: columns }];
  const size = Math.floor(partColumns / blockSize) * blockSize;
  if (size === 0) return undefined;
  return Array.from({ length: Math.ceil(columns / size) }, (_, i) => ({
    from: i * size,
    to: Math.min((i + 1) * size, columns),
  }));
}

/** The rows of one part. */
export function partOfPatches(patches: Patches, { from, to }: Part): Patches {
  if (to - from === patches.columns) return patches;
  const row = new Float32Array(patches.columns);
  return {
    ...patches,
    columns: to - from,
    copy(input, place, into) {
      patches.copy(input, { ...place, offset: 0 }, row);
      into.set(row.subarray(from, to), place.offset);
    },
  };
}

export async function fitParts(
  weights: Float64Array,
  shape: BlockShape,
  parts: readonly SeenPart[],
): Promise<Fitted> {
  const { rows, columns } = shape;
  const blocks = emptyBlocks(shape);
  const bias = new Array<number>(rows).fill(0);
  for (const { from, to, sums } of parts) {
    const own = new Float64Array(rows * (to - from));
    for (let row = 0; row < rows; row += 1) {
      const start = row * columns;
      own.set(weights.subarray(start + from, start + to), row * (to - from));
    }
    const fitted = fitLayer(own, { ...shape, columns: to - from }, await sums.finish());
    place(fitted.blocks, from, blocks);
    for (const [row, shift] of fitted.bias.entries()) bias[row] = (bias[row] ?? 0) + shift;
  }
  return { blocks, bias };
}

/** Copies the columns of a part to where they stand in the whole. */
function place(part: BlockWeights, from: number, whole: BlockWeights): void {
  const perRow = whole.scales.length / whole.rows;
  const ownPerRow = part.scales.length / part.rows;
  const firstBlock = from / whole.blockSize;
  for (let row = 0; row < part.rows; row += 1) {
    const integers = part.integers.subarray(row * part.columns, (row + 1) * part.columns);
    whole.integers.set(integers, row * whole.columns + from);
    const blocks = row * perRow + firstBlock;
    whole.scales.set(part.scales.subarray(row * ownPerRow, (row + 1) * ownPerRow), blocks);
    whole.zeros.set(part.zeros.subarray(row * ownPerRow, (row + 1) * ownPerRow), blocks);
  }
}
