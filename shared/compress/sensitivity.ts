/**
 * How much each layer's 8 bits disturb what the whole network answers: noise over signal of the
 * outputs with that one layer in integers and all others in float. A layer's own noise says little
 * about the network's, so the network is asked. Calibration data only.
 */
import { batches, type DataSet } from '../evaluate/dataset.ts';
import { noiseRatio } from '../evaluate/metrics.ts';
import { openSession, type Session } from '../evaluate/runtime.ts';
import { numbersOf, type Tensors } from '../evaluate/tensor.ts';
import type { Model } from '../onnx/graph.ts';
import { writeModel } from '../onnx/write.ts';
import type { Progress } from '../variants.ts';
import { computeLayers, type QuantizeOptions, quantizeModel } from './quantize/quantize.ts';

export interface SensitivityOptions {
  readonly dataSet: DataSet;
  readonly limit: number;
  readonly threads: number;
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface LayerNoise {
  readonly name: string;
  /** Mean over samples of noise power over signal power of the outputs. */
  readonly noise: number;
}

/** The layers that `how` computes in integers, the one that disturbs most first. */
export async function layerNoises(
  canonical: Model,
  how: QuantizeOptions,
  options: SensitivityOptions,
): Promise<LayerNoise[]> {
  const all = computeLayers(canonical);
  const layers = all.filter((name) => !(name in how.float));
  const reference = await openSession(writeModel(canonical), options);
  const noises: LayerNoise[] = [];
  try {
    for (const [at, name] of layers.entries()) {
      options.signal.throwIfAborted();
      const others = all.filter((other) => other !== name);
      const float = Object.fromEntries(others.map((other) => [other, 'another layer is judged']));
      const { model } = quantizeModel(canonical, { ...how, float });
      noises.push({ name, noise: await noiseOf(writeModel(model), reference, options) });
      options.onProgress?.({
        what: 'judging layers',
        done: at + 1,
        total: layers.length,
        unit: 'layers',
      });
    }
  } finally {
    await reference.release();
  }
  return noises.toSorted((a, b) => b.noise - a.noise);
}

async function noiseOf(
  model: Uint8Array,
  reference: Session,
  options: SensitivityOptions,
): Promise<number> {
  const session = await openSession(model, options);
  let sum = 0;
  let count = 0;
  try {
    for await (const { feeds } of batches(options.dataSet, { limit: options.limit })) {
      sum += distance(await session.run(feeds), await reference.run(feeds));
      count += 1;
    }
  } finally {
    await session.release();
  }
  return count === 0 ? 0 : sum / count;
}

/** Of the output that differs most. */
function distance(got: Tensors, expected: Tensors): number {
  const ratios = Object.entries(expected).map(([name, tensor]) => {
    const other = got[name];
    if (!other || tensor.type === 'string') return 0;
    return noiseRatio(numbersOf(other), numbersOf(tensor));
  });
  return Math.max(0, ...ratios);
}
