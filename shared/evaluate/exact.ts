/**
 * Sessions whose sums of 8-bit products are exact on every processor. What is measured with them
 * holds for the variant, not for the machine that measures it.
 */
import { FettleError } from '../errors.ts';
import type { Model } from '../onnx/graph.ts';
import { writeModel } from '../onnx/write.ts';
import { openSession, type Session, type SessionOptions } from './runtime.ts';
import { numbersOf } from './tensor.ts';

/**
 * x86 without VNNI adds two products of 8 bits in 16 and saturates; with this entry the runtime
 * takes unsigned weights there, whose kernel widens first (onnxruntime's
 * session_options_config_keys.h; qdq_transformer/avx2_weight_s8_to_u8.cc).
 */
const precision = { 'session.x64quantprecision': '1' } as const;

/** As `openSession`, and slower than that where kernels saturate. */
export async function openExact(
  model: string | Uint8Array,
  options: SessionOptions,
): Promise<Session> {
  if (!(await kernelsSaturate())) return openSession(model, options);
  try {
    return await openSession(model, { ...options, extra: { ...options.extra, ...precision } });
  } catch (thrown) {
    if (!(thrown instanceof FettleError) || thrown.code !== 'MODEL_UNRUNNABLE') throw thrown;
    // 1.27 cannot turn weights that layers share; without fusions it computes in float.
    return openSession(model, { ...options, optimization: 'basic' });
  }
}

let known: Promise<boolean> | undefined;

/** Whether this processor's kernels saturate such sums. It is asked once. */
export function kernelsSaturate(): Promise<boolean> {
  known ??= probe();
  return known;
}

const depth = 32;
const columns = 16;

/** Sums of 255 × 127, two of which do not fit 16 bits. */
async function probe(): Promise<boolean> {
  const session = await openSession(writeModel(product), { threads: 1 });
  try {
    const data = new Uint8Array(depth).fill(255);
    const { y } = await session.run({ x: { type: 'uint8', dims: [1, depth], data } });
    return y === undefined || numbersOf(y)[0] !== depth * 255 * 127;
  } finally {
    await session.release();
  }
}

const weights = new Uint8Array(depth * columns).fill(127);

const product: Model = {
  irVersion: 8,
  opsets: new Map([['', 13]]),
  producer: '',
  graph: {
    name: 'product',
    nodes: [
      {
        ...{ name: 'y', op: 'MatMulInteger', domain: '', attributes: new Map() },
        ...{ inputs: ['x', 'w'], outputs: ['y'] },
      },
    ],
    inputs: [{ name: 'x', type: 'uint8', dims: [1, depth] }],
    outputs: [{ name: 'y', type: 'int32', dims: [1, columns] }],
    initializers: new Map([['w', { type: 'int8', dims: [depth, columns], bytes: weights }]]),
    values: new Map(),
  },
};
