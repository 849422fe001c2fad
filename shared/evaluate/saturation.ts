/**
 * Whether this processor's kernels saturate sums of 8-bit products, as x86 without VNNI does, and
 * what that makes of a variant here.
 */
import { batches, openDataSet } from './dataset.ts';
import { kernelsSaturate, openExact } from './exact.ts';
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
