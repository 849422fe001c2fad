/** Matrix products and recurrent layers. */
import { intOf, textOf } from '../attributes.ts';
import type { ElementType } from '../graph.ts';
import { broadcast, type Dims, type Rule } from './known.ts';

/**
 * Operands as numpy's matmul takes them; the quantized forms have the second one further behind.
 */
export function matmul({ second, type }: { second: number; type?: ElementType | undefined }): Rule {
  return ({ input }) => {
    const a = input(0);
    const dims = productDims(a.dims, input(second).dims);
    return [{ type: type ?? a.type, dims }];
  };
}

function productDims(a: Dims | null, b: Dims | null): Dims | null {
  if (!a || !b || a.length === 0 || b.length === 0) return null;
  const left = a.length === 1 ? [1, ...a] : a;
  const right = b.length === 1 ? [...b, 1] : b;
  const batch = broadcast([left.slice(0, -2), right.slice(0, -2)]);
  if (!batch) return null;
  const rows = a.length === 1 ? [] : left.slice(-2, -1);
  const columns = b.length === 1 ? [] : right.slice(-1);
  return [...batch, ...rows, ...columns];
}

/** Gemm, and QGemm of com.microsoft with its second operand at input 3. */
export function gemm(second: number): Rule {
  return ({ node, input }) => {
    const a = input(0);
    const b = input(second);
    if (a.dims?.length !== 2 || b.dims?.length !== 2) return [{ type: a.type, dims: null }];
    const rows = a.dims[intOf(node, 'transA', 0) === 1 ? 1 : 0] ?? null;
    const columns = b.dims[intOf(node, 'transB', 0) === 1 ? 0 : 1] ?? null;
    return [{ type: a.type, dims: [rows, columns] }];
  };
}

/** com.microsoft MatMulNBits: the packed weights have K and N as attributes. */
export const matmulNBits: Rule = ({ node, input }) => {
  const { type, dims } = input(0);
  return [{ type, dims: dims && [...dims.slice(0, -1), intOf(node, 'N', 0) || null] }];
};

/** RNN, GRU, LSTM (onnx/defs/rnn/defs.cc): Y, Y_h and, for LSTM, Y_c. */
export const recurrent: Rule = ({ node, input }) => {
  const { type, dims } = input(0);
  if (dims?.length !== 3) return [{ type, dims: null }];
  const hidden = intOf(node, 'hidden_size', 0) || (input(2).dims?.[2] ?? null);
  const directions = textOf(node, 'direction', 'forward') === 'bidirectional' ? 2 : 1;
  const batchFirst = intOf(node, 'layout', 0) === 1;
  const [steps, batch] = [dims[batchFirst ? 1 : 0] ?? null, dims[batchFirst ? 0 : 1] ?? null];
  const all = batchFirst ? [batch, steps, directions, hidden] : [steps, directions, batch, hidden];
  const last = batchFirst ? [batch, directions, hidden] : [directions, batch, hidden];
  return [
    { type, dims: all },
    { type, dims: last },
    { type, dims: last },
  ];
};

/** com.microsoft FusedMatMul: both operands may be transposed in their last two axes. */
export const fusedMatmul: Rule = ({ node, input }) => {
  const a = input(0);
  const left = intOf(node, 'transA', 0) === 1 ? swapped(a.dims) : a.dims;
  const right = intOf(node, 'transB', 0) === 1 ? swapped(input(1).dims) : input(1).dims;
  return [{ type: a.type, dims: productDims(left, right) }];
};

function swapped(dims: Dims | null): Dims | null {
  if (!dims || dims.length < 2) return dims;
  return [...dims.slice(0, -2), dims.at(-1) ?? null, dims.at(-2) ?? null];
}
