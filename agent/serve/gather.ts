/**
 * Micro-batching: which of the runs that wait go together as one, and how their rows are put
 * together and taken apart. Pure.
 */
import { elementsOf, type RuntimeTensor, type Tensors } from '../../shared/evaluate/tensor.ts';
import { own } from '../../shared/own.ts';
import type { TensorInfo } from '../../shared/protocol/fields.ts';
import { joinRuns } from './inference/runs.ts';

export interface Waiting {
  readonly feeds: Tensors;
  readonly arrivedMs: number;
}

export type Gathered =
  /** The first so many go now, together. */
  | { readonly count: number }
  /** Fewer than a batch: more may come for so long. */
  | { readonly waitMs: number };

/**
 * From the front of the queue, so that the order stays: runs of the same types and shapes but for
 * the leading axis, up to `batch` rows. Fewer go when the first has waited for `gatherMs`.
 */
export function gather(
  queue: readonly Waiting[],
  limits: { readonly batch: number; readonly gatherMs: number; readonly nowMs: number },
): Gathered {
  const [first] = queue;
  if (first === undefined) return { count: 0 };
  let rows = rowsOf(first.feeds);
  let count = 1;
  for (const { feeds } of queue.slice(1)) {
    const more = rowsOf(feeds);
    if (!isAlike(first.feeds, feeds) || rows + more > limits.batch) break;
    rows += more;
    count += 1;
  }
  // What comes next does not fit beside these: waiting brings no more rows.
  if (rows >= limits.batch || count < queue.length) return { count };
  const leftMs = first.arrivedMs + limits.gatherMs - limits.nowMs;
  return leftMs > 0 ? { waitMs: leftMs } : { count };
}

/** Whether runs of a model may be put together: every leading axis is open. */
export function isBatchable(signature: {
  readonly inputs: readonly Pick<TensorInfo, 'shape'>[];
  readonly outputs: readonly Pick<TensorInfo, 'shape'>[];
}): boolean {
  const values = [...signature.inputs, ...signature.outputs];
  return signature.inputs.length > 0 && values.every(({ shape }) => (shape[0] ?? 1) < 0);
}

export function stack(parts: readonly Tensors[]): Tensors {
  const rows = parts.reduce((sum, feeds) => sum + rowsOf(feeds), 0);
  const joined = Object.entries(joinRuns(parts));
  return Object.fromEntries(
    joined.map(([name, tensor]) => [name, { ...tensor, dims: [rows, ...tensor.dims.slice(1)] }]),
  );
}

/** The rows of each part again; null where an output has not one row for each row that was fed. */
export function unstack(outputs: Tensors, parts: readonly Tensors[]): Tensors[] | null {
  const counts = parts.map(rowsOf);
  const rows = counts.reduce((sum, count) => sum + count, 0);
  const entries = Object.entries(outputs);
  if (entries.some(([, { dims }]) => dims[0] !== rows)) return null;
  let from = 0;
  return counts.map((count) => {
    const at = from;
    from += count;
    return Object.fromEntries(
      entries.map(([name, tensor]) => [name, rowsBetween(tensor, at, at + count)]),
    );
  });
}

function rowsBetween({ type, dims, data }: RuntimeTensor, from: number, to: number): RuntimeTensor {
  const [, ...rest] = dims;
  const size = elementsOf(rest);
  return { type, dims: [to - from, ...rest], data: data.slice(from * size, to * size) };
}

/** Of the first input: the others have as many, or the run fails alone as it would have. */
function rowsOf(feeds: Tensors): number {
  const [first] = Object.values(feeds);
  return first?.dims[0] ?? 1;
}

function isAlike(a: Tensors, b: Tensors): boolean {
  const names = Object.keys(a);
  const alike = (name: string) => {
    const [left, right] = [own(a, name), own(b, name)];
    if (!left || !right || left.type !== right.type) return false;
    const [leftRows, ...leftRest] = left.dims;
    const [rightRows, ...rightRest] = right.dims;
    const same =
      leftRest.length === rightRest.length && leftRest.every((d, at) => d === rightRest[at]);
    // All inputs of a run have as many rows as its first.
    return same && leftRows === rowsOf(a) && rightRows === rowsOf(b);
  };
  return names.length === Object.keys(b).length && names.every(alike);
}
