/**
 * A small evaluator for nodes whose inputs are all constant: the layout and shape arithmetic that
 * exporters leave in graphs. Float results are rounded to float32 as the runtime's kernels round
 * them: +, −, ×, ÷ and √ are exact in float64 before that one rounding (IEEE 754).
 */

import { fromFloat16 } from '../../evaluate/tensor.ts';
import { intOf, intsOf } from '../../onnx/attributes.ts';
import type { Node, Tensor } from '../../onnx/graph.ts';
import { elementTypes } from '../../onnx/graph.ts';
import { own } from '../../own.ts';
import { floatsOf, floatTensor, int32Tensor, int64Tensor, integersOf, sizeOf } from '../tensors.ts';
import { concatenate, gather, slice, spread, transpose } from './layout.ts';

type Evaluate = (node: Node, inputs: readonly (Tensor | undefined)[]) => Tensor | undefined;

/** The first output of the node; undefined where this evaluator does not know it. */
export function evaluate(node: Node, inputs: readonly (Tensor | undefined)[]): Tensor | undefined {
  return node.domain === '' ? own(evaluators, node.op)?.(node, inputs) : undefined;
}

/**
 * Constants larger than this are computed at run time rather than stored: the file grows otherwise.
 */
const maxElements = 1 << 16;

const evaluators: Record<string, Evaluate> = {
  Identity: (_, [x]) => x,
  Cast: (node, [x]) => cast(x, intOf(node, 'to', 0)),
  Reshape: (node, [x, shape]) => reshape(node, x, integersOf(shape)),
  Flatten: (node, [x]) => x && withDims(x, flatDims(x.dims, intOf(node, 'axis', 1))),
  Squeeze: (node, [x, axes]) => squeeze(x, integersOf(axes) ?? intsOf(node, 'axes')),
  Unsqueeze: (node, [x, axes]) => unsqueeze(x, integersOf(axes) ?? intsOf(node, 'axes')),
  Transpose: (node, [x]) => x && transpose(x, intsOf(node, 'perm')),
  Concat: (node, inputs) => concatenate(inputs, intOf(node, 'axis', 0)),
  Gather: (node, [x, at]) => gather(x, at, intOf(node, 'axis', 0)),
  Slice: (_, inputs) => slice(inputs),
  Shape: (node, [x]) => x && shapeOf(node, x.dims),
  ConstantOfShape: (node, [shape]) => filled(node, integersOf(shape)),
  Range: (_, [start, limit, delta]) => range(start, limit, delta),
  Add: (_, [a, b]) => binary(a, b, (x, y) => x + y),
  Sub: (_, [a, b]) => binary(a, b, (x, y) => x - y),
  Mul: (_, [a, b]) => binary(a, b, (x, y) => x * y),
  // Integer division truncates towards zero (Div-14).
  Div: (_, [a, b]) => binary(a, b, (x, y, whole) => (whole ? Math.trunc(x / y) : x / y)),
  Neg: (_, [x]) => unary(x, (value) => -value),
  Sqrt: (_, [x]) => unary(x, Math.sqrt),
  Reciprocal: (_, [x]) => unary(x, (value) => 1 / value),
  Floor: (_, [x]) => unary(x, Math.floor),
  Ceil: (_, [x]) => unary(x, Math.ceil),
};

/** From `start` up to `end`, both counted from the end where negative (Shape-15). */
function shapeOf(node: Node, dims: readonly number[]): Tensor {
  const end = node.attributes.has('end') ? intOf(node, 'end', 0) : undefined;
  const part = dims.slice(intOf(node, 'start', 0), end);
  return int64Tensor([part.length], part);
}

/** undefined where these are no sizes, as in a model that means nonsense. */
function withDims(tensor: Tensor, dims: readonly number[]): Tensor | undefined {
  if (!dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0)) return undefined;
  return { type: tensor.type, dims, bytes: tensor.bytes };
}

function cast(x: Tensor | undefined, to: number): Tensor | undefined {
  if (!x) return undefined;
  const type = Object.entries(elementTypes).find(([, { code }]) => code === to)?.[0];
  if (type === x.type) return x;
  const values = floatsOf(x) ?? halvesOf(x) ?? integersOf(x);
  if (!values) return undefined;
  const whole = Array.from(values, Math.trunc);
  if (type === 'float') return floatTensor(x.dims, values);
  const safe = whole.every(Number.isSafeInteger);
  if (type === 'int64' && safe) return int64Tensor(x.dims, whole);
  return type === 'int32' && safe ? int32Tensor(x.dims, whole) : undefined;
}

function halvesOf(x: Tensor): Float64Array | undefined {
  if (x.type !== 'float16' || x.external) return undefined;
  // A copy, as the bytes may lie anywhere in the file and typed arrays must be aligned.
  return Float64Array.from(new Uint16Array(Uint8Array.from(x.bytes).buffer), fromFloat16);
}

function reshape(
  node: Node,
  x: Tensor | undefined,
  target: readonly number[] | undefined,
): Tensor | undefined {
  if (!x || !target) return undefined;
  const copies = intOf(node, 'allowzero', 0) === 0;
  const dims = target.map((dim, axis) => (dim === 0 && copies ? (x.dims[axis] ?? 0) : dim));
  const known = sizeOf(dims.filter((dim) => dim !== -1));
  const filledIn = dims.map((dim) => (dim === -1 ? sizeOf(x.dims) / known : dim));
  return sizeOf(filledIn) === sizeOf(x.dims) ? withDims(x, filledIn) : undefined;
}

function flatDims(dims: readonly number[], axis: number): number[] {
  const at = axis < 0 ? axis + dims.length : axis;
  return [sizeOf(dims.slice(0, at)), sizeOf(dims.slice(at))];
}

function squeeze(x: Tensor | undefined, axes: readonly number[] | undefined): Tensor | undefined {
  if (!x) return undefined;
  const rank = x.dims.length;
  const gone = axes?.map((axis) => (axis < 0 ? axis + rank : axis));
  return withDims(
    x,
    x.dims.filter((dim, axis) => (gone ? !gone.includes(axis) : dim !== 1)),
  );
}

function unsqueeze(x: Tensor | undefined, axes: readonly number[] | undefined): Tensor | undefined {
  if (!x || !axes) return undefined;
  const rank = x.dims.length + axes.length;
  const added = new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)));
  const rest = [...x.dims];
  const dims = Array.from({ length: rank }, (_, axis) =>
    added.has(axis) ? 1 : (rest.shift() ?? 1),
  );
  return withDims(x, dims);
}

function filled(node: Node, dims: readonly number[] | undefined): Tensor | undefined {
  if (!dims || sizeOf(dims) > maxElements) return undefined;
  const value = node.attributes.get('value');
  const unit = value?.kind === 'tensor' ? value.value : floatTensor([1], [0]);
  if (unit.bytes.length === 0) return undefined;
  const bytes = new Uint8Array(sizeOf(dims) * unit.bytes.length);
  for (let at = 0; at < bytes.length; at += unit.bytes.length) bytes.set(unit.bytes, at);
  return { type: unit.type, dims, bytes };
}

function range(
  start: Tensor | undefined,
  limit: Tensor | undefined,
  delta: Tensor | undefined,
): Tensor | undefined {
  const [from] = integersOf(start) ?? [];
  const [to] = integersOf(limit) ?? [];
  const [step] = integersOf(delta) ?? [];
  if (from === undefined || to === undefined || !step || start?.type !== 'int64') return undefined;
  const count = Math.max(0, Math.ceil((to - from) / step));
  if (count > maxElements) return undefined;
  return int64Tensor(
    [count],
    Array.from({ length: count }, (_, i) => from + i * step),
  );
}

function unary(x: Tensor | undefined, f: (value: number) => number): Tensor | undefined {
  const values = x?.type === 'float' ? floatsOf(x) : undefined;
  return x && values ? floatTensor(x.dims, values.map(f)) : undefined;
}

function binary(
  a: Tensor | undefined,
  b: Tensor | undefined,
  f: (x: number, y: number, whole: boolean) => number,
): Tensor | undefined {
  if (!a || !b || a.type !== b.type) return undefined;
  const whole = a.type === 'int64';
  const read = (tensor: Tensor) =>
    tensor.type === 'float' ? floatsOf(tensor) : whole ? integersOf(tensor) : undefined;
  const [x, y] = [read(a), read(b)];
  const common = spread(a.dims, b.dims, maxElements);
  if (!x || !y || !common) return undefined;
  const values = common.pairs.map(([i, j]) => f(x[i] ?? 0, y[j] ?? 0, whole));
  if (!whole) return floatTensor(common.dims, values);
  return values.every(Number.isSafeInteger) ? int64Tensor(common.dims, values) : undefined;
}
