/**
 * Calibration samples as layers are judged and fitted with them. A picture is also seen mirrored
 * and moved: what a network makes of each must be met, and more rows are what fitting lacks most.
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
    const seen = viewsOf(feeds);
    for (const view of seen) yield { count, views: seen.length, feeds: view };
  }
}

/** How a picture is seen: as it is, mirrored, and both moved a little, in opposite directions. */
function viewsOf(feeds: Tensors): Tensors[] {
  const pictures = Object.values(feeds).map(pictureOf);
  if (pictures.some((picture) => picture === null)) return [feeds];
  const view = (way: View) =>
    Object.fromEntries(
      Object.entries(feeds).map(([name, tensor], at) => {
        const picture = pictures[at];
        return [name, picture ? { ...tensor, data: seen(picture, way) } : tensor];
      }),
    );
  return [
    feeds,
    view({ mirrored: true, x: 0, y: 0 }),
    view({ mirrored: false, x: 1, y: 1 }),
    view({ mirrored: true, x: -1, y: -1 }),
  ];
}

interface Picture {
  readonly data: Float32Array;
  readonly width: number;
  readonly height: number;
  /** Values of a pixel that lie side by side. */
  readonly inner: number;
}

interface View {
  readonly mirrored: boolean;
  /** Steps of a sixteenth of the picture. */
  readonly x: number;
  readonly y: number;
}

/** null for what is no picture of three colours, in either layout. */
function pictureOf({ dims, data }: RuntimeTensor): Picture | null {
  const [, a = 0, b = 0, c = 0] = dims;
  if (dims.length !== 4 || !(data instanceof Float32Array)) return null;
  const picture =
    a === 3
      ? { data, height: b, width: c, inner: 1 }
      : { data, height: a, width: b, inner: c === 3 ? 3 : 0 };
  return picture.inner > 0 && picture.width >= widthMin ? picture : null;
}

/** What would come from beyond an edge is the pixel at the edge. */
function seen({ data, width, height, inner }: Picture, { mirrored, x, y }: View): Float32Array {
  const result = new Float32Array(data.length);
  const [right, down] = [Math.round((x * width) / 16), Math.round((y * height) / 16)];
  for (let row = 0; row < data.length / (width * inner); row += 1) {
    const within = row % height;
    const fromRow = row - within + clamp(within + down, height);
    for (let at = 0; at < width; at += 1) {
      const place = clamp(at + right, width);
      const from = (fromRow * width + (mirrored ? width - 1 - place : place)) * inner;
      result.set(data.subarray(from, from + inner), (row * width + at) * inner);
    }
  }
  return result;
}

function clamp(at: number, size: number): number {
  return Math.min(size - 1, Math.max(0, at));
}
