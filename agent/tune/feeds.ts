/** Inputs to time a model with: the first of its golden set, or made up where there is none. */
import { openNpz, readArray } from '../../shared/evaluate/npz.ts';
import { findRandomFeeds } from '../../shared/evaluate/random-feeds.ts';
import type { Session } from '../../shared/evaluate/runtime.ts';
import { elementsOf, type RuntimeTensor, type Tensors } from '../../shared/evaluate/tensor.ts';
import { own } from '../../shared/own.ts';

const seed = 1;

export async function feedsFor(session: Session, goldenPath: string | null): Promise<Tensors> {
  const golden = goldenPath === null ? {} : await goldenInputs(session, goldenPath);
  const whole = session.inputs.every(({ name }) => own(golden, name) !== undefined);
  return whole ? golden : findRandomFeeds(session, seed);
}

/**
 * The rows of the first run: as many as the model's leading dimension says, one where it varies.
 */
async function goldenInputs(session: Session, path: string): Promise<Tensors> {
  const npz = await openNpz(path);
  const tensors = new Map<string, RuntimeTensor>();
  for (const { name, shape, type } of session.inputs) {
    if (!npz.arrays.has(`input:${name}`)) continue;
    const array = await readArray(npz, `input:${name}`);
    const rows = shape.length === 0 ? 1 : Math.max(1, shape[0] ?? 1);
    const dims = shape.length === 0 ? [] : [rows, ...array.shape.slice(1)];
    if (array.type !== type || array.data.length < elementsOf(dims)) continue;
    tensors.set(name, { type, dims, data: array.data.slice(0, elementsOf(dims)) });
  }
  return Object.fromEntries(tensors);
}
