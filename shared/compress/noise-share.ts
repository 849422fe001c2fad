/** How far two runs of the same inputs lie apart. */

import { numbersOf, type RuntimeTensor, type Tensors } from '../evaluate/tensor.ts';
import { own } from '../own.ts';

/**
 * Noise power over signal power of the worst output; infinite where one is missing, has another
 * type or shape, or other numbers that are not finite.
 */
export function noiseShare(expected: Readonly<Tensors>, got: Readonly<Tensors>): number {
  return Object.entries(expected).reduce(
    (most, [name, tensor]) => Math.max(most, tensorShare(tensor, own(got, name))),
    0,
  );
}

function tensorShare(expected: RuntimeTensor, got: RuntimeTensor | undefined): number {
  if (expected.type !== got?.type || expected.dims.join() !== got.dims.join()) {
    return Number.POSITIVE_INFINITY;
  }
  if (expected.type === 'string') {
    return String(expected.data) === String(got.data) ? 0 : Number.POSITIVE_INFINITY;
  }
  const [a, b] = [numbersOf(expected), numbersOf(got)];
  let [noise, signal] = [0, 0];
  for (let at = 0; at < a.length; at += 1) {
    const [x, y] = [a[at] ?? 0, b[at] ?? 0];
    if (Object.is(x, y) || x === y) continue;
    noise += (x - y) ** 2;
  }
  if (noise === 0) return 0;
  for (let at = 0; at < a.length; at += 1) if (Number.isFinite(a[at])) signal += (a[at] ?? 0) ** 2;
  return Number.isFinite(noise) ? noise / signal : Number.POSITIVE_INFINITY;
}
