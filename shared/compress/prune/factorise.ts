/**
 * Makes two layers of one whose outputs lie near a space of few dimensions: the first gives the
 * principal components of what the layer makes on calibration samples (Zhang et al., "Accelerating
 * Very Deep Convolutional Networks", TPAMI 2016, §3.1), the second is what is fitted again.
 */
import { FettleError } from '../../errors.ts';
import type { Model } from '../../onnx/graph.ts';
import { createRandom } from '../../random.ts';
import { openPrefix } from '../calibrate/prefix.ts';
import { type NarrowLayer, transpose } from '../narrow/layers.ts';
import type { Recipe } from '../recipe.ts';
import { rewriterOf } from '../rewriter.ts';
import { floatsOf } from '../tensors.ts';
import { writeWeights } from './apply.ts';
import { type Factor, factorable, withFactors } from './factors.ts';
import { channelRows, takenOf } from './rows.ts';
import type { PruneRun } from './run.ts';
import { samples } from './samples.ts';

export interface Factorised {
  /** With the second layers as the components want them. */
  readonly model: Model;
  readonly factors: readonly Factor[];
  /** Of the second layers, in the order of their own tensors, by name. */
  readonly seconds: ReadonlyMap<string, Float64Array>;
}

/** Throws `RECIPE_INVALID` for a layer that cannot be two, and a rank that saves nothing. */
export async function factorise(
  model: Model,
  ranks: NonNullable<Recipe['ranks']>,
  run: PruneRun,
): Promise<Factorised> {
  const layers = factorable(model);
  const found = Object.entries(ranks).map(([name, rank]) => ({
    rank,
    layer: known(layers.get(name), { name, rank }),
  }));
  const factors: Factor[] = [];
  const seconds = new Map<string, Float64Array>();
  for (const { layer, rank } of found) {
    const { name } = layer.node;
    run.onProgress?.({ what: `factorising ${name}`, done: 0, total: 1, unit: 'steps' });
    const basis = await basisOf(layer, rank, { model, run });
    const weights = Float32Array.from(layer.weights);
    const first = await run.products.plain(basis, weights, layer.rows);
    factors.push({ name, rank, first });
    const whole = Float64Array.from(basis);
    seconds.set(name, layer.transposed ? whole : transpose(whole, rank));
  }
  const split = withFactors(model, factors);
  if (typeof split === 'string') throw invalid(`${split} cannot become two layers`);
  const rewriter = rewriterOf(split.graph);
  for (const node of split.graph.nodes) {
    const weights = seconds.get(node.name);
    if (weights) writeWeights(node, rewriter, { weights, bias: null });
  }
  return { model: split, factors, seconds };
}

function known(
  layer: NarrowLayer | undefined,
  { name, rank }: { name: string; rank: number },
): NarrowLayer {
  if (!layer) throw invalid(`${name} is no layer that can become two`);
  const most = Math.min(layer.rows, layer.columns) - 1;
  if (rank <= most) return layer;
  throw invalid(`rank ${rank} of ${name}: expected at most ${most}`);
}

function invalid(reason: string): FettleError {
  return new FettleError('RECIPE_INVALID', { reason });
}

const rounds = 6;

/** rank × rows, orthonormal: the space that holds most of the outputs, by subspace iteration. */
async function basisOf(
  layer: NarrowLayer,
  rank: number,
  { model, run }: { model: Model; run: PruneRun },
): Promise<Float32Array> {
  const { rows } = layer;
  const moments = await outputMoments(layer, model, run);
  const random = createRandom(1);
  let basis: Float32Array = Float32Array.from({ length: rank * rows }, () => random() - 0.5);
  for (let round = 0; round < rounds; round += 1) {
    run.signal.throwIfAborted();
    basis = orthonormal(await run.products.plain(basis, moments, rows), rows);
  }
  return basis;
}

/**
 * Second moments of what the layer makes without its bias. With few rows they follow the samples:
 * the more they do, the more is taken of what inputs that are all alike and independent would give.
 */
async function outputMoments(
  { node, rows, columns, weights }: NarrowLayer,
  model: Model,
  run: PruneRun,
): Promise<Float32Array> {
  const [output = ''] = node.outputs;
  const bias = floatsOf(rewriterOf(model.graph).constant(node.inputs[2]));
  const prefix = await openPrefix(model, [output], run.threads);
  const sums = new Float64Array(rows * rows);
  const layout = {
    channels: Array.from({ length: rows }, (_, at) => at),
    last: node.op === 'MatMul',
  };
  const wanted = Math.max(8 * rows, 4096);
  let count = 0;
  try {
    for await (const { feeds, views } of samples(run)) {
      const made = (await prefix.run(feeds))[output];
      if (!made) continue;
      const most = Math.ceil(wanted / (run.limit * views));
      const taken = takenOf(made.data.length / rows, most);
      const y = channelRows(made, taken, layout);
      for (let i = 0; bias && i < y.length; i += 1) y[i] = (y[i] ?? 0) - (bias[i % rows] ?? 0);
      const product = await run.products.transposed(y, y, taken.taken);
      for (let i = 0; i < sums.length; i += 1) sums[i] = (sums[i] ?? 0) + (product[i] ?? 0);
      count += taken.taken;
    }
  } finally {
    await prefix.release();
  }
  const w = Float32Array.from(transpose(weights, rows));
  const spread = await run.products.transposed(w, w, columns);
  const [energy, plain] = [traceOf(sums, rows) / Math.max(1, count), traceOf(spread, rows)];
  const share = columns / (columns + count);
  const scale = (share * energy) / (plain || 1);
  return Float32Array.from(
    sums,
    (sum, i) => ((1 - share) * sum) / Math.max(1, count) + scale * (spread[i] ?? 0),
  );
}

function traceOf(matrix: ArrayLike<number>, n: number): number {
  let sum = 0;
  for (let i = 0; i < n; i += 1) sum += matrix[i * (n + 1)] ?? 0;
  return sum;
}

/** Rows made orthonormal one after the other (modified Gram–Schmidt), in float64. */
function orthonormal(matrix: Float32Array, width: number): Float32Array {
  const rows: Float64Array[] = [];
  for (let from = 0; from < matrix.length; from += width) {
    const row = Float64Array.from(matrix.subarray(from, from + width));
    for (const other of rows) {
      const along = dot(row, other);
      for (let i = 0; i < width; i += 1) row[i] = (row[i] ?? 0) - along * (other[i] ?? 0);
    }
    const length = Math.sqrt(dot(row, row));
    rows.push(length > 0 ? row.map((value) => value / length) : row);
  }
  const result = new Float32Array(matrix.length);
  for (const [at, row] of rows.entries()) result.set(row, at * width);
  return result;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}
