/** Data sets that are well-formed files of the wrong content. */
import { type NpyArray, openNpz, readArray, writeNpz } from '../../shared/evaluate/npz.ts';
import { allocate, type StorableType } from '../../shared/evaluate/tensor.ts';

type Random = () => number;

/** Writes to `out` a set that differs from the one at `path` in shape, type, names or values. */
export async function mutateSet(path: string, out: string, random: Random): Promise<void> {
  const npz = await openNpz(path);
  const arrays: Record<string, NpyArray> = {};
  for (const name of npz.arrays.keys()) {
    if (random() < 0.1) continue;
    const renamed = random() < 0.1 ? `${name}x` : name;
    arrays[renamed] = changed(await readArray(npz, name), random);
  }
  await writeNpz(out, arrays);
}

const types: readonly StorableType[] = ['float', 'uint8', 'int64', 'double', 'bool', 'float16'];

function changed(array: NpyArray, random: Random): NpyArray {
  const choice = random();
  if (choice < 0.3) return strange(array, random);
  const shape = choice < 0.65 ? reshaped(array.shape, random) : array.shape;
  const type = choice < 0.8 ? array.type : (types[below(random, types.length)] ?? 'float');
  const size = shape.reduce((product, dim) => product * dim, 1);
  return { type, shape, data: allocate(type, size) };
}

/** The same shape, but values that break arithmetic. */
function strange(array: NpyArray, random: Random): NpyArray {
  const { data } = array;
  if (data instanceof Float32Array || data instanceof Float64Array) {
    const value = [Number.NaN, Number.POSITIVE_INFINITY, 1e38, 0][below(random, 4)] ?? 0;
    data.fill(value, below(random, data.length + 1));
  }
  return array;
}

function reshaped(shape: readonly number[], random: Random): number[] {
  const dims = shape.map((dim) => (random() < 0.3 ? below(random, Math.min(dim, 40) + 2) : dim));
  dims[0] = Math.min(dims[0] ?? 0, 20);
  return random() < 0.2 ? dims.slice(1) : dims;
}

function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}
