/** Stored samples as a model gets them: `(x·scale − mean) / std`, laid out as the model wants. */
import { type Affine, type Order, planAffine } from './affine.ts';
import type { InputPreparation } from './manifest.ts';
import type { NpyArray } from './npz.ts';
import {
  allocate,
  elementsOf,
  isStorable,
  type RuntimeTensor,
  type StorableType,
} from './tensor.ts';

/**
 * One sample of an input: what is stored and what the model gets; shapes without the leading axis.
 */
export interface PreparationTask {
  readonly preparation: InputPreparation;
  readonly stored: { readonly type: StorableType; readonly shape: readonly number[] };
  /** -1 is a dimension that varies. */
  readonly wanted: { readonly type: string; readonly shape: readonly number[] };
}

export interface Prepare {
  /** Of one prepared sample. */
  readonly shape: readonly number[];
  /** Prepares rows (leading axis of any length) into a tensor of the model's type. */
  readonly run: (rows: NpyArray) => RuntimeTensor;
}

/** Why the two sides cannot meet, as an error says it. */
export interface Fault {
  readonly expected: string;
  readonly got: string;
}

export function planPreparation(task: PreparationTask): Prepare | Fault {
  const { preparation, stored, wanted } = task;
  const { type } = wanted;
  if (!isStorable(type)) return { expected: `a type that can be stored`, got: `a ${type} input` };
  const layout = planLayout(preparation, stored.shape);
  if ('expected' in layout) return layout;
  if (!fits(layout.shape, wanted.shape)) {
    return {
      expected: `samples of shape ${shapeText(wanted.shape)}`,
      got: shapeText(layout.shape),
    };
  }
  const affine = planAffine(preparation, layout.channels, { from: stored.type, to: type });
  if ('expected' in affine) return affine;
  return { shape: layout.shape, run: (rows) => prepareRows(rows, { type, layout, affine }) };
}

/** `[3, 224, ?]` */
export function shapeText(shape: readonly number[]): string {
  return `[${shape.map((dim) => (dim < 0 ? '?' : dim)).join(', ')}]`;
}

interface Layout extends Order {
  readonly shape: readonly number[];
}

function prepareRows(
  rows: NpyArray,
  how: { type: StorableType; layout: Layout; affine: Affine },
): RuntimeTensor {
  const { type, layout, affine } = how;
  const dims = [rows.shape[0] ?? 1, ...layout.shape];
  if (layout.source === null && affine.identity && rows.type === type) {
    return { type, dims, data: rows.data };
  }
  const out = allocate(type, elementsOf(dims));
  affine.convert(rows, out, layout);
  return { type, dims, data: out };
}

/** Where channels are: first (`nchw`) or last (`nhwc`) of a sample; first where nothing is said. */
function planLayout(preparation: InputPreparation, stored: readonly number[]): Layout | Fault {
  const from = preparation.layout ?? preparation.modelLayout ?? 'nchw';
  const to = preparation.modelLayout ?? from;
  if (stored.length < 2 && from !== to) {
    return { expected: `samples with channels to move (${from})`, got: shapeText(stored) };
  }
  const channels = (from === 'nchw' ? stored[0] : stored.at(-1)) ?? 1;
  const reverse = preparation.channelOrder === 'bgr';
  if (reverse && channels !== 3) {
    return {
      expected: '3 channels to reverse for bgr',
      got: `${channels} in ${shapeText(stored)}`,
    };
  }
  const planes = from === 'nchw' ? stored.slice(1) : stored.slice(0, -1);
  const plane = elementsOf(planes);
  const shape =
    stored.length === 0 ? [] : to === 'nchw' ? [channels, ...planes] : [...planes, channels];
  const moves = reverse || (from !== to && channels > 1 && plane > 1);
  const source = moves ? sourceIndices({ from, to, channels, plane, reverse }) : null;
  const size = elementsOf(shape);
  return { shape, size, channels, source, run: to === 'nchw' ? plane : 1 };
}

type Axes = 'nchw' | 'nhwc';

function sourceIndices(move: {
  from: Axes;
  to: Axes;
  channels: number;
  plane: number;
  reverse: boolean;
}): Int32Array {
  const { from, to, channels, plane, reverse } = move;
  const source = new Int32Array(channels * plane);
  for (let channel = 0; channel < channels; channel++) {
    const stored = reverse ? channels - 1 - channel : channel;
    for (let at = 0; at < plane; at++) {
      const index = to === 'nchw' ? channel * plane + at : at * channels + channel;
      source[index] = from === 'nchw' ? stored * plane + at : at * channels + stored;
    }
  }
  return source;
}

function fits(shape: readonly number[], wanted: readonly number[]): boolean {
  if (shape.length !== wanted.length) return false;
  return wanted.every((dim, axis) => dim < 0 || dim === shape[axis]);
}
