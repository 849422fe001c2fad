/** What a layer multiplies its weights with: rows of its input, one for each output position. */

import type { RuntimeTensor } from '../../evaluate/tensor.ts';
import { intOf, intsOf, textOf } from '../../onnx/attributes.ts';
import type { Node } from '../../onnx/graph.ts';
import type { NarrowLayer } from './layers.ts';

/** How rows are cut out of a layer's input. */
export interface Patches {
  /** Parts of the input that have weights of their own. */
  readonly groups: number;
  /** Values of a row, in the order of the weights of an output channel. */
  readonly columns: number;
  /** How many rows of each group the tensor holds. */
  count(input: RuntimeTensor): number;
  /** Writes row `at` of a group into `into`, from `offset` on. */
  copy(input: RuntimeTensor, place: Place, into: Float32Array): void;
}

interface Place {
  readonly group: number;
  readonly at: number;
  readonly offset: number;
}

/** undefined for layers whose inputs are not taken in rows (transposed convolutions). */
export function patchesOf(layer: NarrowLayer): Patches | undefined {
  const { node, columns } = layer;
  if (node.op === 'Conv') return convolutionPatches(node, layer);
  const plain = node.op === 'MatMul' || (node.op === 'Gemm' && intOf(node, 'transA', 0) === 0);
  if (!plain || layer.dims.length !== 2) return undefined;
  return {
    groups: 1,
    columns,
    count: ({ data }) => data.length / columns,
    copy({ data }, { at, offset }, into) {
      for (let i = 0; i < columns; i += 1) into[offset + i] = Number(data[at * columns + i]);
    },
  };
}

/** Two dimensions; maps of one are maps of height 1. */
function convolutionPatches(node: Node, { dims, columns }: NarrowLayer): Patches | undefined {
  const spatial = dims.length - 2;
  if (spatial < 1 || spatial > 2 || !['', 'NOTSET'].includes(textOf(node, 'auto_pad', ''))) {
    return undefined;
  }
  const two = (values: readonly number[] | undefined, otherwise: number) => {
    const own = values ?? new Array<number>(spatial).fill(otherwise);
    return spatial === 1 ? [otherwise, own[0] ?? otherwise] : own;
  };
  const [kh = 1, kw = 1] = two(dims.slice(2), 1);
  const [sh = 1, sw = 1] = two(intsOf(node, 'strides'), 1);
  const [dh = 1, dw = 1] = two(intsOf(node, 'dilations'), 1);
  const pads = intsOf(node, 'pads') ?? new Array<number>(2 * spatial).fill(0);
  const [top = 0, left = 0] = two(pads.slice(0, spatial), 0);
  const [bottom = 0, right = 0] = two(pads.slice(spatial), 0);
  const channels = dims[1] ?? 1;
  const sizes = (input: RuntimeTensor) => {
    const [height = 1, width = 1] = two(input.dims.slice(2), 1);
    const down = Math.floor((height + top + bottom - dh * (kh - 1) - 1) / sh) + 1;
    const across = Math.floor((width + left + right - dw * (kw - 1) - 1) / sw) + 1;
    return { height, width, down, across };
  };
  return {
    groups: intOf(node, 'group', 1),
    columns,
    count(input) {
      const { down, across } = sizes(input);
      return (input.dims[0] ?? 1) * down * across;
    },
    copy(input, { group, at, offset }, into) {
      const { height, width, down, across } = sizes(input);
      const sample = Math.floor(at / (down * across));
      const y = Math.floor((at % (down * across)) / across) * sh - top;
      const x = (at % across) * sw - left;
      const first = (sample * (input.dims[1] ?? 1) + group * channels) * height * width;
      let to = offset;
      for (let c = 0; c < channels; c += 1) {
        const map = first + c * height * width;
        for (let i = 0; i < kh; i += 1) {
          const row = y + i * dh;
          const inside = row >= 0 && row < height;
          for (let j = 0; j < kw; j += 1, to += 1) {
            const column = x + j * dw;
            const seen = inside && column >= 0 && column < width;
            into[to] = seen ? Number(input.data[map + row * width + column]) : 0;
          }
        }
      }
    },
  };
}
