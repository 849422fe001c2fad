/** Products of large matrices on the runtime's kernels, which are many times faster than a loop. */
import { openSession } from '../evaluate/runtime.ts';
import type { Model } from '../onnx/graph.ts';
import { writeModel } from '../onnx/write.ts';

export interface Products {
  /** AᵀB of matrices of `rows` rows, row-major; float32 sums in the kernel's order. */
  transposed(a: Float32Array, b: Float32Array, rows: number): Promise<Float32Array>;
  release(): Promise<void>;
}

export async function openProducts(threads: number): Promise<Products> {
  const session = await openSession(writeModel(model), { threads });
  return {
    async transposed(a, b, rows) {
      const matrix = (data: Float32Array) =>
        ({ type: 'float', dims: [rows, data.length / rows], data }) as const;
      const { y } = await session.run({ a: matrix(a), b: matrix(b) });
      return y?.data instanceof Float32Array ? y.data : new Float32Array();
    },
    release: () => session.release(),
  };
}

const model: Model = {
  irVersion: 8,
  opsets: new Map([['', 13]]),
  producer: '',
  graph: {
    name: 'product',
    nodes: [
      {
        name: 't',
        op: 'Transpose',
        domain: '',
        inputs: ['a'],
        outputs: ['at'],
        attributes: new Map(),
      },
      {
        name: 'm',
        op: 'MatMul',
        domain: '',
        inputs: ['at', 'b'],
        outputs: ['y'],
        attributes: new Map(),
      },
    ],
    initializers: new Map(),
    inputs: [
      { name: 'a', type: 'float', dims: ['rows', 'n'] },
      { name: 'b', type: 'float', dims: ['rows', 'm'] },
    ],
    outputs: [{ name: 'y', type: 'float', dims: ['n', 'm'] }],
    values: new Map(),
  },
};
