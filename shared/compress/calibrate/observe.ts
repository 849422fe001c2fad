/**
 * Runs the float model over the calibration set and keeps what quantizing needs of each
 * activation, never the activations: memory does not grow with the number of samples.
 */
import { batches, type DataSet } from '../../evaluate/dataset.ts';
import { openSession } from '../../evaluate/runtime.ts';
import type { Tensors } from '../../evaluate/tensor.ts';
import { elementCount } from '../../onnx/elements.ts';
import type { Model, ValueInfo } from '../../onnx/graph.ts';
import { inferShapes } from '../../onnx/shapes.ts';
import { writeModel } from '../../onnx/write.ts';
import type { Progress } from '../../variants.ts';
import { makeNode } from '../attributes.ts';
import { copyGraph } from '../canonical/copy.ts';
import { type ChannelStatistics, emptyChannels, observeChannels } from './channels.ts';
import { emptyValues, observe, type ValueHistogram } from './histogram.ts';

export interface ObserveOptions {
  readonly dataSet: DataSet;
  /** Values to count, by name. */
  readonly values: readonly string[];
  /** Values with channels on axis 1 whose mean per channel is wanted. */
  readonly means: readonly string[];
  /** Non-negative values whose channels are looked at one by one; they are among `values`. */
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
      for await (const batch of batches(options.dataSet, { limit: options.limit })) {
        options.signal.throwIfAborted();
        const results = await session.run(batch.feeds);
        for (const value of chunk) {
          const tensor = results[value] ?? batch.feeds[value];
          count(histograms, value, tensor);
          countChannels(channels.get(value), tensor);
        }
        for (const value of means) addMeans(sums, value, results[meanName(value)]);
        samples += batch.count;
        const done = samples + (pass * total) / chunks.length;
        options.onProgress?.({ what: 'calibrating', done, total, unit: 'samples' });
      }
    } finally {
      await session.release();
    }
  }
  const means = new Map([...sums].map(([value, sum]) => [value, averageOf(sum)]));
  return { samples, histograms, channels, means };
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
    const name = meanName(value);
    const [input] = [value];
    const map = (what.shapes.get(value)?.dims?.length ?? 0) > 2;
    const op = map ? 'GlobalAveragePool' : 'Identity';
    graph.nodes.push(makeNode(op, name, { inputs: [input], outputs: [name] }));
    graph.outputs.push({ name, type: 'float', dims: null });
  }
  return { ...model, graph };
}

function meanName(value: string): string {
  return `${value}::mean`;
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

/** Sums with the number of summands at the end. */
function addMeans(
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

function averageOf(sum: Float64Array): Float64Array {
  const count = sum.at(-1) ?? 1;
  return sum.subarray(0, -1).map((value) => value / count);
}
