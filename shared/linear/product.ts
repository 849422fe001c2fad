/** Products of large matrices on the runtime's kernels, which are many times faster than a loop. */
import { openSession, type Session } from '../evaluate/runtime.ts';
import type { RuntimeTensor } from '../evaluate/tensor.ts';
import type { Model, Node } from '../onnx/graph.ts';
import { writeModel } from '../onnx/write.ts';

export interface Products {
  /** AᵀB of matrices of `rows` rows, row-major; float32 sums in the kernel's order. */
  transposed(a: Float32Array, b: Float32Array, rows: number): Promise<Float32Array>;
  /** AB of matrices with `inner` columns and rows, row-major. */
  plain(a: Float32Array, b: Float32Array, inner: number): Promise<Float32Array>;
  release(): Promise<void>;
}

export async function openProducts(threads: number): Promise<Products> {
  const transposed = await openSession(writeModel(modelOf(true)), { threads });
  const plain = await openSession(writeModel(modelOf(false)), { threads });
  return {
    transposed: (a, b, rows) => product(transposed, matrix(a, rows), matrix(b, rows)),
    plain: (a, b, inner) => product(plain, matrix(a, a.length / inner), matrix(b, inner)),
    async release() {
      await transposed.release();
      await plain.release();
    },
  };
}

function matrix(data: Float32Array, rows: number): RuntimeTensor {
  return { type: 'float', dims: [rows, data.length / rows], data };
}

async function product(
  session: Session,
  a: RuntimeTensor,
  b: RuntimeTensor,
): Promise<Float32Array> {
  const { y } = await session.run({ a, b });
  return y?.data instanceof Float32Array ? y.data : new Float32Array();
}

function modelOf(transposes: boolean): Model {
  const transpose = nodeOf('Transpose', ['a'], 'at');
  const multiply = nodeOf('MatMul', [transposes ? 'at' : 'a', 'b'], 'y');
  return {
    irVersion: 8,
    opsets: new Map([['', 13]]),
    producer: '',
    graph: {
      name: 'product',
      nodes: transposes ? [transpose, multiply] : [multiply],
      initializers: new Map(),
      inputs: [
        { name: 'a', type: 'float', dims: ['p', 'q'] },
        { name: 'b', type: 'float', dims: ['r', 's'] },
      ],
      outputs: [{ name: 'y', type: 'float', dims: ['t', 'u'] }],
      values: new Map(),
    },
  };
}

function nodeOf(op: string, inputs: string[], output: string): Node {
  return { name: op, op, domain: '', inputs, outputs: [output], attributes: new Map() };
}
