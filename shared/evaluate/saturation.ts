/**
 * Whether this processor's kernels saturate sums of 8-bit products, as x86 without VNNI does, and
 * what that makes of a variant here.
 */
import type { Model } from '../onnx/graph.ts';
import { writeModel } from '../onnx/write.ts';
import { batches, openDataSet } from './dataset.ts';
import { openExact } from './exact.ts';
import type { InputPreparation } from './manifest.ts';
import { noiseRatio, toDecibel } from './metrics.ts';
import { openSession } from './runtime.ts';
import { numbersOf, type Tensors } from './tensor.ts';

export interface SaturationRequest {
  readonly modelPath: string;
  readonly dataPath: string;
  readonly preparation?: Readonly<Record<string, InputPreparation>> | undefined;
  readonly threads: number;
  readonly signal?: AbortSignal;
}

const samples = 16;
/** 40 dB: below that nobody sees the difference, and `goldenLimits` let it pass. */
const noiseSaid = 1e-4;

/** One sentence where the variant answers otherwise here than with exact sums; else null. */
export async function saturationHere(request: SaturationRequest): Promise<string | null> {
  if (!(await kernelsSaturate())) return null;
  const noise = await noiseHere(request);
  if (noise <= noiseSaid) return null;
  return (
    'This processor saturates sums of 8-bit products (x86 without VNNI): run here, the variant ' +
    `has ${toDecibel(noise).toFixed(1)} dB against exact sums, which are what is measured. ` +
    'Build with --target x64 for such devices.'
  );
}

const depth = 32;
const columns = 16;

/** Sums of 255 × 127, two of which do not fit 16 bits. */
export async function kernelsSaturate(): Promise<boolean> {
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

/** Mean over samples of noise power over signal power, of the output that differs most. */
async function noiseHere(request: SaturationRequest): Promise<number> {
  const { modelPath, dataPath, preparation, threads, signal } = request;
  const exact = await openExact(modelPath, { threads });
  const here = await openSession(modelPath, { threads });
  try {
    const dataSet = await openDataSet(dataPath, { inputs: exact.inputs, preparation });
    let [sum, count] = [0, 0];
    for await (const { feeds } of batches(dataSet, { limit: samples })) {
      signal?.throwIfAborted();
      sum += noiseOf(await here.run(feeds), await exact.run(feeds));
      count += 1;
    }
    return sum / Math.max(1, count);
  } finally {
    await exact.release();
    await here.release();
  }
}

function noiseOf(got: Tensors, wanted: Tensors): number {
  const ratios = Object.entries(wanted).map(([name, tensor]) => {
    const other = got[name];
    if (other === undefined || tensor.type === 'string') return 0;
    return noiseRatio(numbersOf(other), numbersOf(tensor));
  });
  return Math.max(0, ...ratios);
}
