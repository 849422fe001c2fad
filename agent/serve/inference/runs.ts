/**
 * How a request becomes runs of the model: as it is where it fits, else cut along the leading axis
 * into the batch that the model has, and the outputs joined again. Pure.
 */
import {
  allocate,
  elementsOf,
  isStorable,
  type RuntimeTensor,
  type TensorData,
  type Tensors,
} from '../../../shared/evaluate/tensor.ts';
import { own } from '../../../shared/own.ts';
import type { TensorInfo } from '../../../shared/protocol/fields.ts';
import { datatypeOf } from './datatypes.ts';
import { wrong } from './wrong.ts';

export interface Runs {
  readonly count: number;
  /** What run `index` is fed, in memory of its own where there are several. */
  feeds(index: number): Tensors;
}

/** More samples than this come in several requests. */
const runsMax = 4096;

/** Throws `BAD_ARGUMENT` where an input is missing, unknown, or of another type or shape. */
export function planRuns(signature: readonly TensorInfo[], inputs: Tensors): Runs {
  const names = signature.map(({ name }) => name);
  const stranger = Object.keys(inputs).find((name) => !names.includes(name));
  if (stranger !== undefined) throw wrong('inputs', names.join(', '), stranger);
  let count = 1;
  const cut = new Set<string>();
  for (const info of signature) {
    const runs = runsOf(info, own(inputs, info.name));
    if (runs === 1) continue;
    if (count !== 1 && runs !== count) throw wrong(`input ${info.name}`, `${count} runs`, runs);
    count = runs;
    cut.add(info.name);
  }
  if (count > runsMax) throw wrong('request', `at most ${runsMax} runs of the model`, count);
  if (count === 1) return { count, feeds: () => inputs };
  return {
    count,
    feeds: (index) =>
      Object.fromEntries(
        Object.entries(inputs).map(([name, tensor]) => [
          name,
          cut.has(name) ? sliceOf(tensor, index, count) : copyOf(tensor),
        ]),
      ),
  };
}

/** The outputs of all runs, one behind the other along the leading axis. */
export function joinRuns(results: readonly Tensors[]): Tensors {
  const [first] = results;
  if (first === undefined || results.length === 1) return first ?? {};
  return Object.fromEntries(
    Object.entries(first).map(([name, { type, dims }]) => {
      const parts = results.flatMap((one) => own(one, name) ?? []);
      const [leading = 1, ...rest] = dims;
      return [name, { type, dims: [leading * parts.length, ...rest], data: joined(parts) }];
    }),
  );
}

/** How many runs of the model this input is for. */
function runsOf(info: TensorInfo, tensor: RuntimeTensor | undefined): number {
  const { name, type, shape } = info;
  const shown = `${datatypeOf(type) ?? type} [${shape}]`;
  if (!tensor) throw wrong(`input ${name}`, shown, 'nothing');
  const got = `${datatypeOf(tensor.type) ?? tensor.type} [${tensor.dims}]`;
  const fits = (from: number) =>
    tensor.dims.length === shape.length &&
    shape.every((dim, axis) => axis < from || dim < 0 || dim === tensor.dims[axis]);
  if (tensor.type !== type || !fits(1)) throw wrong(`input ${name}`, shown, got);
  if (fits(0)) return 1;
  const runs = (tensor.dims[0] ?? 0) / (shape[0] ?? 1);
  if (Number.isInteger(runs) && runs >= 1) return runs;
  throw wrong(`input ${name}`, `${shown}, or a multiple of it along the first axis`, got);
}

function sliceOf({ type, dims, data }: RuntimeTensor, index: number, count: number): RuntimeTensor {
  const [leading = 1, ...rest] = dims;
  const part = [leading / count, ...rest];
  const size = elementsOf(part);
  return { type, dims: part, data: data.slice(index * size, (index + 1) * size) };
}

function copyOf(tensor: RuntimeTensor): RuntimeTensor {
  return { ...tensor, data: tensor.data.slice() };
}

function joined(parts: readonly RuntimeTensor[]): TensorData {
  const [first] = parts;
  if (first === undefined || !isStorable(first.type)) {
    return parts.flatMap(({ data }) => (Array.isArray(data) ? data : []));
  }
  const count = parts.reduce((sum, { data }) => sum + data.length, 0);
  const all = allocate(first.type, count);
  const bytes = new Uint8Array(all.buffer);
  let at = 0;
  for (const { data } of parts) {
    if (Array.isArray(data)) continue;
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return all;
}
