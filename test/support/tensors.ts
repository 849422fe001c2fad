/** Tensors of files as the runtime takes them, and tensors compared bit by bit. */
import {
  isStorable,
  type RuntimeTensor,
  storage,
  type Tensors,
} from '../../shared/evaluate/tensor.ts';
import type { Tensor } from '../../shared/onnx/graph.ts';

/** null for a type that cannot be fed. */
export function toRuntime({ type, dims, bytes, strings }: Tensor): RuntimeTensor | null {
  if (strings) return { type, dims, data: strings.map((text) => Buffer.from(text).toString()) };
  if (!isStorable(type)) return null;
  // A copy, because a view of the file need not lie where the array wants it.
  return { type, dims, data: new storage[type](Uint8Array.from(bytes).buffer) };
}

/** Whether two runs gave the same bits; the name of the first output that differs, or null. */
export function firstDifference(a: Tensors, b: Tensors): string | null {
  for (const name of Object.keys(a)) {
    const [one, other] = [a[name], b[name]];
    if (!one || !other || !sameTensor(one, other)) return name;
  }
  return Object.keys(a).length === Object.keys(b).length ? null : 'the number of outputs';
}

function sameTensor(a: RuntimeTensor, b: RuntimeTensor): boolean {
  if (a.type !== b.type || a.dims.join() !== b.dims.join()) return false;
  if (Array.isArray(a.data) || Array.isArray(b.data)) return String(a.data) === String(b.data);
  return Buffer.compare(bytesOf(a.data), bytesOf(b.data)) === 0;
}

function bytesOf(view: ArrayBufferView): Buffer {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength);
}
