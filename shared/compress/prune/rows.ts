/** Rows of a layer's inputs and of what it is fitted to, cut out of activations. */
import type { RuntimeTensor } from '../../evaluate/tensor.ts';
import type { Patches } from '../narrow/patches.ts';

/** How many rows a tensor gives and how many of them are taken, evenly spread. */
export interface Taken {
  readonly count: number;
  readonly taken: number;
  /** The place of the i-th row that is taken. */
  at(i: number): number;
}

export function takenOf(count: number, most: number): Taken {
  const taken = Math.min(count, most);
  return { count, taken, at: (i) => Math.floor(((i + 0.5) * count) / taken) };
}

/** taken × columns. */
export function patchRows(
  patches: Patches,
  input: RuntimeTensor,
  { taken, group }: { readonly taken: Taken; readonly group: number },
): Float32Array {
  const { columns } = patches;
  const rows = new Float32Array(taken.taken * columns);
  for (let i = 0; i < taken.taken; i += 1) {
    patches.copy(input, { group, at: taken.at(i), offset: i * columns }, rows);
  }
  return rows;
}

/**
 * taken × channels: an activation's values at each position, channels on axis 1 (with one position
 * where there are two axes) or, for more axes of a matrix product, on the last one.
 */
export function channelRows(
  tensor: RuntimeTensor,
  taken: Taken,
  layout: { readonly channels: readonly number[]; readonly last: boolean },
): Float32Array {
  const { dims } = tensor;
  const data = tensor.data instanceof Float32Array ? tensor.data : new Float32Array();
  const all = (layout.last ? dims.at(-1) : dims[1]) ?? 1;
  const positions = layout.last ? 1 : dims.slice(2).reduce((product, size) => product * size, 1);
  const { channels } = layout;
  const rows = new Float32Array(taken.taken * channels.length);
  for (let i = 0; i < taken.taken; i += 1) {
    const at = taken.at(i);
    const sample = Math.floor(at / positions);
    const first = sample * all * positions + (at % positions);
    const to = i * channels.length;
    for (let c = 0; c < channels.length; c += 1) {
      rows[to + c] = data[first + (channels[c] ?? 0) * positions] ?? 0;
    }
  }
  return rows;
}
