/**
 * Runs the float model over the calibration set and keeps what quantizing needs of each
 * activation, never the activations: memory does not grow with the number of samples.
 */

import { batches, type DataSet } from '../../evaluate/dataset.ts';
import { openSession } from '../../evaluate/runtime.ts';
import type { Selection } from '../../evaluate/selection.ts';
import type { Tensors } from '../../evaluate/tensor.ts';
import { elementCount } from '../../onnx/elements.ts';
import type { Model, Node, ValueInfo } from '../../onnx/graph.ts';
import { inferShapes } from '../../onnx/shapes.ts';
import { writeModel } from '../../onnx/write.ts';
import { own } from '../../own.ts';
import type { Progress } from '../../variants.ts';
import { makeNode } from '../attributes.ts';
import { copyGraph } from '../canonical/copy.ts';
import { type ChannelStatistics, emptyChannels, observeChannels } from './channels.ts';
import { emptyValues, observe, type ValueHistogram } from './histogram.ts';

export interface ObserveOptions extends Selection {
  readonly dataSet: DataSet;
  /** Values to count, by name. */
  readonly values: readonly string[];
  /** Values with channels on axis 1 whose mean and mean of squares per channel are wanted. */
  readonly means: readonly string[];
  /** Values whose channels are looked at one by one; they are among `values`. */
  readonly channels?: ReadonlyMap<string, number>;
  /** Samples at most. */
  readonly limit: number;
  /** Bytes of activations that are held at a time; more passes are made where they do not fit. */
  readonly memoryBytes: number;
  readonly threads: number;
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface Observations {
  readonly samples: number;
  readonly histograms: ReadonlyMap<string, ValueHistogram>;
  readonly channels: ReadonlyMap<string, ChannelStatistics>;
  /** Mean per channel over samples and positions. */
  readonly means: ReadonlyMap<string, Float64Array>;
  /** Mean of squares per channel, likewise. */
  readonly squares: ReadonlyMap<string, Float64Array>;
}

export async function observeModel(model: Model, options: ObserveOptions): Promise<Observations> {
  const histograms = new Map(options.values.map((value) => [value, emptyValues()]));
  const channels = new Map<string, ChannelStatistics>();
  for (const [value, count] of options.channels ?? []) channels.set(value, emptyChannels(count));
  const sums = new Map<string, Float64Array>();
  const shapes = inferShapes(model);
  const chunks = chunksOf(options, shapes);
  const total = Math.min(options.limit, options.dataSet.samples) * chunks.length;
  let samples = 0;
  for (const [pass, chunk] of chunks.entries()) {
    // Means are collected with the first pass.
    const means = pass === 0 ? options.means : [];
    const probe = exposing(model, { values: chunk, means, shapes });
    const session = await openSession(writeModel(probe), { threads: options.threads });
    try {
      samples = 0;
      for await (const batch of batches(options.dataSet, options)) {
        options.signal.throwIfAborted();
        const results = await session.run(batch.feeds);
        for (const value of chunk) {
          const tensor = own(results, value) ?? own(batch.feeds, value);
          count(histograms, value, tensor);
          countChannels(channels.get(value), tensor);
        }
        for (const value of means) {
          for (const name of [meanName(value), squareName(value)]) {
            addMeans(sums, name, results[name]);
          }
        }
        samples += batch.count;
        const done = samples + (pass * total) / chunks.length;
        options.onProgress?.({ what: 'calibrating', done, total, unit: 'samples' });
      }
    } finally {
      await session.release();
    }
  }
  return {
    ...{ samples, histograms, channels },
    means: averagesOf(options.means, sums, meanName),
    squares: averagesOf(options.means, sums, squareName),
  };
}

/** Groups of values whose activations for one sample fit into the memory together. */
function chunksOf(
  { values, memoryBytes }: ObserveOptions,
  shapes: ReadonlyMap<string, ValueInfo>,
): string[][] {
  const chunks: string[][] = [[]];
  let used = 0;
  for (const value of values) {
    const dims = shapes.get(value)?.dims ?? [];
    const bytes = 4 * elementCount(dims.map((dim) => (typeof dim === 'number' ? dim : 1)));
    if (used + bytes > memoryBytes && used > 0) {
      chunks.push([]);
      used = 0;
    }
    chunks.at(-1)?.push(value);
    used += bytes;
  }
  return chunks;
}

function exposing(
  model: Model,
  what: {
    values: readonly string[];
    means: readonly string[];
    shapes: ReadonlyMap<string, ValueInfo>;
  },
): Model {
  const graph = copyGraph(model.graph);
  const made = new Set(graph.nodes.flatMap((node) => node.outputs));
  const known = new Set(graph.outputs.map((output) => output.name));
  for (const name of what.values) {
    if (made.has(name) && !known.has(name)) graph.outputs.push({ name, type: 'float', dims: null });
  }
  for (const value of what.means) {
    const map = (what.shapes.get(value)?.dims?.length ?? 0) > 2;
    graph.nodes.push(...averaging(value, map));
    for (const name of [meanName(value), squareName(value)]) {
      graph.outputs.push({ name, type: 'float', dims: null });
    }
  }
  return { ...model, graph };
}

/** Nodes that make the mean and the mean of squares per channel of a value. */
export function averaging(value: string, map: boolean): Node[] {
  const op = map ? 'GlobalAveragePool' : 'Identity';
  const [mean, square, squared] = [meanName(value), squareName(value), `${value}::squared`];
  return [
    makeNode(op, mean, { inputs: [value], outputs: [mean] }),
    makeNode('Mul', squared, { inputs: [value, value], outputs: [squared] }),
    makeNode(op, square, { inputs: [squared], outputs: [square] }),
  ];
}

export function meanName(value: string): string {
  return `${value}::mean`;
}

export function squareName(value: string): string {
  return `${value}::square`;
}

function count(
  histograms: ReadonlyMap<string, ValueHistogram>,
  value: string,
  tensor: Tensors[string] | undefined,
): void {
  const histogram = histograms.get(value);
  if (histogram && tensor?.data instanceof Float32Array) observe(histogram, tensor.data);
}

function countChannels(
  statistics: ChannelStatistics | undefined,
  tensor: Tensors[string] | undefined,
): void {
  if (!statistics || !(tensor?.data instanceof Float32Array)) return;
  observeChannels(statistics, tensor.data, elementCount(tensor.dims.slice(2)));
}

/** Adds up, with the number of summands at the end. */
export function addMeans(
  sums: Map<string, Float64Array>,
  value: string,
  tensor: Tensors[string] | undefined,
): void {
  if (!(tensor?.data instanceof Float32Array)) return;
  const channels = tensor.dims[1] ?? 1;
  const sum = sums.get(value) ?? new Float64Array(channels + 1);
  sums.set(value, sum);
  tensor.data.forEach((mean, at) => {
    const channel = at % channels;
    sum[channel] = (sum[channel] ?? 0) + mean;
  });
  sum[channels] = (sum[channels] ?? 0) + tensor.data.length / channels;
}

function averagesOf(
  values: readonly string[],
  sums: ReadonlyMap<string, Float64Array>,
  nameOf: (value: string) => string,
): Map<string, Float64Array> {
  return new Map(
    values.flatMap((value) => {
      const sum = sums.get(nameOf(value));
      return sum ? [[value, averageOf(sum)] as const] : [];
    }),
  );
}

/** Of sums with the number of summands at the end. */
export function averageOf(sum: Float64Array): Float64Array {
  const count = sum.at(-1) ?? 1;
  return sum.subarray(0, -1).map((value) => value / count);
}
