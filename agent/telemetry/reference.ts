/** The golden set as what drift is measured against. Loaded only when a model is. */
import { openNpz, readArray } from '../../shared/evaluate/npz.ts';
import type { Tensors } from '../../shared/evaluate/tensor.ts';
import { type Reference, referenceOf } from './drift.ts';

/** A larger golden set is not worth the agent's memory: drift is not measured then. */
const bytesMax = 16 << 20;

/** Throws `NPZ_INVALID`, `TOO_LARGE`. */
export async function readReference(goldenPath: string): Promise<Reference> {
  const npz = await openNpz(goldenPath, { maxBytes: bytesMax });
  const [inputs, outputs]: [Tensors, Tensors] = [{}, {}];
  for (const key of npz.arrays.keys()) {
    const { type, shape, data } = await readArray(npz, key);
    const tensors = key.startsWith('input:') ? inputs : outputs;
    tensors[key.slice(key.indexOf(':') + 1)] = { type, dims: shape, data };
  }
  return referenceOf({ inputs, outputs });
}
