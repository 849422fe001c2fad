/**
 * How much a change to the model disturbs what the whole network answers: noise over signal of its
 * outputs. A layer's own noise says little about the network's, so the network is asked, with that
 * one layer changed and all others in float, as HAWQ-V3 (Yao et al., ICML 2021) and ZeroQ (Cai et
 * al., CVPR 2020, §3.2) rank layers. Calibration data only.
 */

import { batches, type DataSet } from '../evaluate/dataset.ts';
import { openExact } from '../evaluate/exact.ts';
import { noiseRatio } from '../evaluate/metrics.ts';
import type { Session } from '../evaluate/runtime.ts';
import { numbersOf, type Tensors } from '../evaluate/tensor.ts';
import type { Model } from '../onnx/graph.ts';
import { writeModel } from '../onnx/write.ts';
import { own } from '../own.ts';
import type { Progress } from '../variants.ts';
import { answeringWith, judgedValues } from './judged.ts';
import { computeLayers, type QuantizeOptions, quantizeModel } from './quantize/quantize.ts';

export interface SensitivityOptions {
  readonly dataSet: DataSet;
  /** Samples. */
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
  const changes = layers.map((layer) => () => {
    const others = all.filter((name) => name !== layer);
    const float = Object.fromEntries(others.map((name) => [name, 'another layer is judged']));
    return quantizeModel(canonical, { ...how, float }).model;
  });
  const noises = await outputNoises(canonical, changes, options);
  return layers
    .map((name, at) => ({ name, noise: noises[at] ?? 0 }))
    .toSorted((a, b) => b.noise - a.noise);
}

/** Of each changed model, in their order; one of them is open at a time. */
export async function outputNoises(
  reference: Model,
  changes: readonly (() => Model)[],
  options: SensitivityOptions,
): Promise<number[]> {
  const noises: number[] = [];
  const judged = judgedValues(reference);
  const bytesOf = (model: Model) => writeModel(answeringWith(model, judged));
  const exact = await openExact(bytesOf(reference), options);
  try {
    for (const change of changes) {
      options.signal.throwIfAborted();
      noises.push(await noiseOf(bytesOf(change()), exact, options));
      const counts = { done: noises.length, total: changes.length };
      options.onProgress?.({ what: 'judging layers', ...counts, unit: 'layers' });
    }
  } finally {
    await exact.release();
  }
  return noises;
}

async function noiseOf(
  model: Uint8Array,
  reference: Session,
  options: SensitivityOptions,
): Promise<number> {
  const session = await openExact(model, options);
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
    const other = own(got, name);
    if (!other || tensor.type === 'string') return 0;
    return noiseRatio(numbersOf(other), numbersOf(tensor));
  });
  return Math.max(0, ...ratios);
}
