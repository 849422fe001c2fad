/** Second moments of the inputs of layers in the whole model, as choosing units needs them. */

import type { RuntimeTensor } from '../../evaluate/tensor.ts';
import { inverseFactor } from '../../linear/triangular.ts';
import type { Model } from '../../onnx/graph.ts';
import { own as entryOf } from '../../own.ts';
import { openPrefix } from '../calibrate/prefix.ts';
import { rewriterOf } from '../rewriter.ts';
import type { MixingLayer } from './layers.ts';
import { channelRows, patchRows, takenOf } from './rows.ts';
import type { Importance, PruneRun } from './run.ts';
import { samples } from './samples.ts';
import type { Reader } from './surgeon.ts';
import { addedTo } from './target.ts';

/** Of the mean variance, added to each: columns that hardly vary must not look free. */
const damping = 0.01;
/** Wider layers are judged by variances alone: their inverse would take too long. */
const inverseColumnsMax = 1152;
const bufferRows = 2048;

/** By layer name. Samples pass by once; memory holds columns² numbers a layer. */
export async function readersOf(
  model: Model,
  layers: readonly MixingLayer[],
  run: PruneRun,
): Promise<Map<string, Reader>> {
  const rewriter = rewriterOf(model.graph);
  const watched = layers.map((layer) => {
    const [own = ''] = layer.node.outputs;
    return { layer, made: addedTo(own, rewriter)?.sum ?? own, sums: emptySums(layer.columns) };
  });
  const values = watched.flatMap(({ layer, made }) => [layer.node.inputs[0] ?? '', made]);
  const prefix = await openPrefix(model, values, run.threads);
  let done = 0;
  try {
    for await (const batch of samples(run)) {
      const results = await prefix.run(batch.feeds);
      for (const one of watched) {
        const input = entryOf(results, one.layer.node.inputs[0] ?? '');
        const output = entryOf(results, one.made);
        if (input && output) await addRows(one, { input, output }, run);
      }
      done += batch.count;
      run.onProgress?.({ what: 'judging channels', done, total: run.limit, unit: 'samples' });
    }
  } finally {
    await prefix.release();
  }
  const readers = new Map<string, Reader>();
  for (const { layer, sums } of watched) {
    await flush(sums, layer.columns, run);
    readers.set(layer.node.name, readerOf(layer, sums, run.importance));
  }
  return readers;
}

interface Sums {
  readonly waiting: Float32Array[];
  waitingRows: number;
  rows: number;
  readonly squares: Float64Array;
  readonly sums: Float64Array;
  /** Of the outputs, all channels together: count, and per channel sum and sum of squares. */
  outputs: { count: number; sums: Float64Array; squares: Float64Array } | null;
}

function emptySums(columns: number): Sums {
  const squares = new Float64Array(columns * columns);
  const sums = new Float64Array(columns);
  return { waiting: [], waitingRows: 0, rows: 0, squares, sums, outputs: null };
}

async function addRows(
  { layer, sums }: { layer: MixingLayer; sums: Sums },
  { input, output }: { input: RuntimeTensor; output: RuntimeTensor },
  run: PruneRun,
): Promise<void> {
  const { patches, columns } = layer;
  const wanted = Math.min(Math.max(8 * columns, 2048), 12_288);
  const taken = takenOf(patches.count(input), Math.ceil(wanted / run.limit));
  const x = patchRows(patches, input, { taken, group: 0 });
  for (let i = 0; i < x.length; i += 1) {
    const column = i % columns;
    sums.sums[column] = (sums.sums[column] ?? 0) + (x[i] ?? 0);
  }
  sums.waiting.push(x);
  sums.waitingRows += taken.taken;
  if (sums.waitingRows >= bufferRows) await flush(sums, columns, run);
  const channels = layer.outputs.map((_, at) => at);
  const last = layer.node.op === 'MatMul';
  addOutputs(sums, channelRows(output, taken, { channels, last }), channels.length);
}

async function flush(sums: Sums, columns: number, { products }: PruneRun): Promise<void> {
  const { waiting, waitingRows } = sums;
  if (waitingRows === 0) return;
  const x = new Float32Array(waitingRows * columns);
  let at = 0;
  for (const part of waiting) {
    x.set(part, at);
    at += part.length;
  }
  const product = await products.transposed(x, x, waitingRows);
  for (let i = 0; i < product.length; i += 1) {
    sums.squares[i] = (sums.squares[i] ?? 0) + (product[i] ?? 0);
  }
  sums.rows += waitingRows;
  sums.waitingRows = 0;
  waiting.length = 0;
}

function addOutputs(sums: Sums, rows: Float32Array, channels: number): void {
  sums.outputs ??= {
    count: 0,
    sums: new Float64Array(channels),
    squares: new Float64Array(channels),
  };
  const { outputs } = sums;
  rows.forEach((value, i) => {
    const channel = i % channels;
    outputs.sums[channel] = (outputs.sums[channel] ?? 0) + value;
    outputs.squares[channel] = (outputs.squares[channel] ?? 0) + value * value;
  });
  outputs.count += rows.length / channels;
}

function readerOf(layer: MixingLayer, sums: Sums, importance: Importance): Reader {
  const { weights, columns } = layer;
  const columnsOf = new Map<number, number[]>();
  layer.inputs.forEach((unit, at) => {
    const own = columnsOf.get(unit) ?? [];
    for (let i = 0; i < layer.perInput; i += 1) own.push(at * layer.perInput + i);
    columnsOf.set(unit, own);
  });
  const energy = energyOf(sums);
  return { weights, columns, columnsOf, energy, inverse: inverseOf(sums, columns, importance) };
}

function energyOf({ outputs }: Sums): number {
  if (!outputs) return 1;
  const { count, sums, squares } = outputs;
  let energy = 0;
  squares.forEach((square, c) => {
    energy += square / count - ((sums[c] ?? 0) / count) ** 2;
  });
  return energy > 0 ? energy : 1;
}

function inverseOf({ squares, sums, rows }: Sums, n: number, importance: Importance): Float64Array {
  const inverse = new Float64Array(n * n);
  const covariance = squares.map(
    (square, i) =>
      square / rows - ((sums[Math.floor(i / n)] ?? 0) / rows) * ((sums[i % n] ?? 0) / rows),
  );
  shrink(covariance, n, rows);
  let trace = 0;
  for (let i = 0; i < n; i += 1) trace += covariance[i * (n + 1)] ?? 0;
  const added = damping * (trace / n || 1);
  for (let i = 0; i < n; i += 1) {
    covariance[i * (n + 1)] = (covariance[i * (n + 1)] ?? 0) + added;
    inverse[i * (n + 1)] = importance === 'weights' ? 1 : 1 / (covariance[i * (n + 1)] ?? 1);
  }
  const whole = importance === 'error' && n <= inverseColumnsMax;
  const factor = whole ? inverseFactor(covariance, n) : null;
  return factor ? squareOf(factor, n) : inverse;
}

/**
 * With few rows a sample's covariances are noise, and columns look replaceable that are not: they
 * shrink in the measure in which columns outnumber rows (Schäfer, Strimmer 2005, target D).
 */
function shrink(covariance: Float64Array, n: number, rows: number): void {
  const kept = rows / (rows + n);
  for (let i = 0; i < covariance.length; i += 1) {
    if (i % (n + 1) !== 0) covariance[i] = (covariance[i] ?? 0) * kept;
  }
}

/** UᵀU of an upper triangular U. */
function squareOf(u: Float64Array, n: number): Float64Array {
  const result = new Float64Array(n * n);
  for (let k = 0; k < n; k += 1) {
    for (let i = k; i < n; i += 1) {
      const factor = u[k * n + i] ?? 0;
      if (factor === 0) continue;
      for (let j = k; j < n; j += 1) {
        result[i * n + j] = (result[i * n + j] ?? 0) + factor * (u[k * n + j] ?? 0);
      }
    }
  }
  return result;
}
