/** Inputs to time a model with: the first of its golden set, or made up from its declared shapes. */
import { openNpz, readArray } from '../../shared/evaluate/npz.ts';
import type { Session } from '../../shared/evaluate/runtime.ts';
import { allocate, elementsOf, isStorable, type Tensors } from '../../shared/evaluate/tensor.ts';
import type { TensorInfo } from '../../shared/protocol/fields.ts';

export async function feedsFor(session: Session, goldenPath: string | null): Promise<Tensors> {
  const golden = goldenPath === null ? {} : await goldenInputs(session, goldenPath);
  return Object.fromEntries(
    session.inputs.map((input) => [input.name, golden[input.name] ?? madeUp(input)]),
  );
}

/** The rows of the first run: as many as the model's leading dimension says, one where it varies. */
async function goldenInputs(session: Session, path: string): Promise<Tensors> {
  const npz = await openNpz(path);
  const tensors: Tensors = {};
  for (const { name, shape, type } of session.inputs) {
    if (!npz.arrays.has(`input:${name}`)) continue;
    const array = await readArray(npz, `input:${name}`);
    const rows = shape.length === 0 ? 1 : Math.max(1, shape[0] ?? 1);
    const dims = shape.length === 0 ? [] : [rows, ...array.shape.slice(1)];
    if (array.type !== type || array.data.length < elementsOf(dims)) continue;
    tensors[name] = { type: array.type, dims, data: array.data.slice(0, elementsOf(dims)) };
  }
  return tensors;
}

/** What varies is 1. Values between 0 and 1, all different from zero, so that nothing is denormal. */
function madeUp({ type, shape }: TensorInfo): Tensors[string] {
  const dims = shape.map((dim) => (dim > 0 ? dim : 1));
  const count = elementsOf(dims);
  if (!isStorable(type)) return { type: 'string', dims, data: Array<string>(count).fill('') };
  const data = allocate(type, count);
  if (data instanceof Float32Array || data instanceof Float64Array) {
    for (let at = 0; at < count; at++) data[at] = ((at * 37) % 101) / 101 + 1e-3;
  } else if (type === 'float16') {
    // 0x3800 is 0.5.
    for (let at = 0; at < count; at++) data[at] = 0x3800;
  }
  return { type, dims, data };
}
