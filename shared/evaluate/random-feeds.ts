/** Inputs for a model of which no data is known: seeded, within what its types allow. */
import { FettleError } from '../errors.ts';
import type { TensorInfo } from '../protocol/fields.ts';
import { createRandom } from '../random.ts';
import type { Session } from './runtime.ts';
import { allocate, elementsOf, isStorable, type RuntimeTensor, type Tensors } from './tensor.ts';

/** What an open dimension gets, first to last: sizes that text, sound and image models accept. */
const openSizes = [16, 224, 1, 64, 256, 512] as const;
const elementsMax = 1 << 26;

/**
 * Feeds the model runs with. The leading dimension is 1 where it is open; other open ones are tried
 * in several sizes, and integers as small numbers and as zeros, since they may be indices. Throws
 * `MODEL_UNRUNNABLE` with the first reason where none of it runs.
 */
export async function findRandomFeeds(session: Session, seed: number): Promise<Tensors> {
  const open = session.inputs.some(({ shape }) => shape.slice(1).some((dim) => dim < 0));
  let first: unknown;
  for (const size of open ? openSizes : [1]) {
    for (const integerMax of [9, 0]) {
      const feeds = randomFeeds(session.inputs, { seed, size, integerMax });
      try {
        await session.run(feeds);
        return feeds;
      } catch (thrown) {
        first ??= thrown;
      }
    }
  }
  throw first;
}

/**
 * Floats are uniform between -1 and 1, bytes over their whole range, other integers 0 to
 * `integerMax`.
 */
export function randomFeeds(
  inputs: readonly TensorInfo[],
  how: { seed: number; size: number; integerMax: number },
): Tensors {
  const next = createRandom(how.seed);
  return Object.fromEntries(
    inputs.map((input) => [input.name, randomTensor(input, { ...how, next })]),
  );
}

function randomTensor(
  { name, type, shape }: TensorInfo,
  how: { size: number; integerMax: number; next: () => number },
): RuntimeTensor {
  // What grows with the input lies last, or behind batch and channels; other open axes are batches.
  const dims = shape.map((dim, axis) => {
    if (dim >= 0) return dim;
    return axis > 0 && (axis >= 2 || axis === shape.length - 1) ? how.size : 1;
  });
  const count = elementsOf(dims);
  if (count > elementsMax) {
    throw new FettleError('TOO_LARGE', { what: `input ${name}`, got: count, limit: elementsMax });
  }
  if (type === 'string') return { type, dims, data: Array.from({ length: count }, () => 'a') };
  if (!isStorable(type)) {
    const reason = `input ${name} is of type ${type}`;
    throw new FettleError('MODEL_UNRUNNABLE', { path: 'model', reason });
  }
  const data = allocate(type, count);
  for (let at = 0; at < count; at++) {
    const value = how.next();
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
      data[at] = BigInt(Math.floor(value * (how.integerMax + 1)));
    } else data[at] = randomElement(type, value, how.integerMax);
  }
  return { type, dims, data };
}

/** Of float16 the bits of ±(1 to 2): sign and fraction at random. */
function randomElement(type: string, value: number, integerMax: number): number {
  if (type === 'float' || type === 'double') return value * 2 - 1;
  if (type === 'float16') return (value < 0.5 ? 0x3c00 : 0xbc00) | Math.floor(value * 0x3ff);
  if (type === 'bool') return value < 0.5 ? 0 : 1;
  if (type === 'uint8') return Math.floor(value * 256);
  if (type === 'int8') return Math.floor(value * 256) - 128;
  return Math.floor(value * (integerMax + 1));
}
