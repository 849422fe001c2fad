/**
 * Calibration samples as layers are judged and fitted with them. A picture is seen as it is and
 * mirrored: what a network makes of both must be met, and more rows are what fitting lacks most.
 */
import { batches } from '../../evaluate/dataset.ts';
import type { RuntimeTensor, Tensors } from '../../evaluate/tensor.ts';
import type { PruneRun } from './run.ts';

export interface Sample {
  /** Real samples in these feeds. */
  readonly count: number;
  /** How often each sample comes. */
  readonly views: number;
  readonly feeds: Tensors;
}

/** Every so-many-th run is held out for judging where a choice is to be judged. */
const heldOut = 4;
/** Narrower inputs are no pictures. */
const widthMin = 16;

/** One run of the model at a time. */
export async function* samples(run: PruneRun): AsyncGenerator<Sample> {
  // Where there are too few to hold any out, all fit and all judge.
  const holdsOut = run.limit >= heldOut * run.dataSet.batch;
  let place = 0;
  for await (const { count, feeds } of batches(run.dataSet, { limit: run.limit })) {
    run.signal.throwIfAborted();
    place += 1;
    const judges = place % heldOut === 0;
    if (holdsOut && run.part === (judges ? 'fit' : 'judge')) continue;
    const mirrored = mirror(feeds);
    const views = mirrored ? 2 : 1;
    yield { count, views, feeds };
    if (mirrored) yield { count, views, feeds: mirrored };
  }
}

/** null where some input is no picture of three colours, in either layout. */
function mirror(feeds: Tensors): Tensors | null {
  const mirrored: Tensors = {};
  for (const [name, tensor] of Object.entries(feeds)) {
    const [, a = 0, b = 0, c = 0] = tensor.dims;
    const [width, inner] = a === 3 ? [c, 1] : c === 3 ? [b, c] : [0, 0];
    if (tensor.dims.length !== 4 || width < widthMin) return null;
    if (!(tensor.data instanceof Float32Array)) return null;
    mirrored[name] = { ...tensor, data: reversed(tensor.data, width, inner) };
  }
  return mirrored;
}

/** Rows of `width` elements of `inner` values with the elements in reverse order. */
function reversed(data: Float32Array, width: number, inner: number): RuntimeTensor['data'] {
  const result = new Float32Array(data.length);
  for (let row = 0; row < data.length; row += width * inner) {
    for (let x = 0; x < width; x += 1) {
      const from = row + x * inner;
      result.set(data.subarray(from, from + inner), row + (width - 1 - x) * inner);
    }
  }
  return result;
}
