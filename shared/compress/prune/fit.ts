/**
 * Fits the layers of a pruned model again, one after the other, so that on its own activations it
 * comes nearest to what the source makes (He, Zhang, Sun, "Channel Pruning for Accelerating Very
 * Deep Neural Networks", ICCV 2017, §3.2–3.3). Where a bound follows, only what passes it counts:
 * beyond it the target is whatever the layer gives (alternating, as in "Accelerating Very Deep
 * Convolutional Networks", Zhang et al. 2015, §2.2).
 */
import type { Model } from '../../onnx/graph.ts';
import { transpose } from '../narrow/layers.ts';
import { rewriterOf } from '../rewriter.ts';
import { floatsOf } from '../tensors.ts';
import { writeWeights } from './apply.ts';
import { collect, type Sampled } from './collect.ts';
import { dependenciesOf } from './groups.ts';
import { fittedLayers, type MixingLayer } from './layers.ts';
import { ridgeOf, type Solution } from './ridge.ts';
import type { PruneRun } from './run.ts';
import { settledValues } from './settled.ts';
import { type FitTarget, targetFor } from './target.ts';

/** In the order of the layer's own weight tensor. */
export interface FittedWeights {
  readonly weights: Float64Array;
  readonly bias: Float64Array | null;
}

/**
 * λ as a share of the mean variance: 1e-4 to 1e-2 were seen to be alike where rows are many; with
 * few of them the weights must not follow their noise.
 */
const strength = { least: 1e-3, scarce: 0.05 };
const boundRounds = 3;

export interface FitJob {
  readonly source: Model;
  /** Edited in place: each layer is fitted behind those before it. */
  readonly pruned: Model;
  /** Which output channels of the source a layer of the pruned model still makes, by layer name. */
  readonly kept: ReadonlyMap<string, readonly number[]>;
}

export async function fitModel(job: FitJob, run: PruneRun): Promise<Map<string, FittedWeights>> {
  const { pruned } = job;
  const order = settledValues(
    pruned,
    fittedLayers(pruned, dependenciesOf(pruned)).filter(({ node }) => job.kept.has(node.name)),
  );
  const fitted = new Map<string, FittedWeights>();
  for (const [at, layer] of order.layers.entries()) {
    run.signal.throwIfAborted();
    const result = await fitLayer(layer, job, { run, settled: order.settledBefore(layer) });
    if (result) {
      const node = pruned.graph.nodes.find(({ name }) => name === layer.node.name);
      if (node) writeWeights(node, rewriterOf(pruned.graph), result);
      fitted.set(layer.node.name, result);
    }
    const done = at + 1;
    const total = order.layers.length;
    run.onProgress?.({ what: 'fitting layers again', done, total, unit: 'layers' });
  }
  return fitted;
}

/** null where the layer is as it must be already: it reads nothing that changed. */
async function fitLayer(
  layer: MixingLayer,
  { source, pruned, kept }: FitJob,
  { run, settled }: { run: PruneRun; settled: (value: string) => boolean },
): Promise<FittedWeights | null> {
  const channels = kept.get(layer.node.name);
  if (!channels) return null;
  const rewriter = rewriterOf(pruned.graph);
  const target = targetFor(layer.node, rewriter, settled);
  const groups = await collect({ layer, target, channels, source, pruned }, run);
  const size = layer.weights.length / groups.length;
  const weights = new Float64Array(layer.weights.length);
  const bias = new Float64Array(layer.rows);
  for (const [at, sampled] of groups.entries()) {
    const known = layer.weights.subarray(at * size, (at + 1) * size);
    const solution = await solved({ layer, target, sampled, known }, run);
    if (!solution) return null;
    weights.set(solution.weights, at * size);
    bias.set(solution.bias, (at * layer.rows) / groups.length);
  }
  const own = layer.transposed ? transpose(weights, layer.rows) : weights;
  const had = floatsOf(rewriter.constant(layer.node.inputs[2]));
  return { weights: own, bias: layer.node.op !== 'MatMul' || had ? bias : null };
}

interface Problem {
  readonly layer: MixingLayer;
  readonly target: FitTarget;
  readonly sampled: Sampled;
  readonly known: Float64Array;
}

async function solved(
  { layer, target, sampled, known }: Problem,
  run: PruneRun,
): Promise<Solution | null> {
  const { columns } = layer;
  const rows = sampled.blocks.reduce((sum, block) => sum + block.rows, 0);
  const ridge = await ridgeOf(sampled.blocks, {
    ...{ columns, products: run.products, centred: layer.node.op !== 'MatMul' },
    strength: strength.least + (strength.scarce * columns) / rows,
  });
  if (!ridge) return null;
  const { aims, added } = sampled;
  const direct = aims.map((aim, at) => aim.map((value, i) => value - (added?.[at]?.[i] ?? 0)));
  let solution = await ridge.solve(direct, known);
  const bounded = Number.isFinite(target.low) || Number.isFinite(target.high);
  for (let round = 0; bounded && round < boundRounds; round += 1) {
    run.signal.throwIfAborted();
    const aim = await relaxed(solution, { target, sampled, columns }, run);
    solution = await ridge.solve(aim, known);
  }
  return solution;
}

/** The targets with what a bound cuts off anyway replaced by what the solution gives there. */
async function relaxed(
  { weights, bias }: Solution,
  { target, sampled, columns }: { target: FitTarget; sampled: Sampled; columns: number },
  { products }: PruneRun,
): Promise<Float32Array[]> {
  const outputs = bias.length;
  const matrix = Float32Array.from(transpose(weights, outputs));
  const { low, high } = target;
  const result: Float32Array[] = [];
  for (const [at, { x }] of sampled.blocks.entries()) {
    const predicted = await products.plain(x, matrix, columns);
    const added = sampled.added?.[at];
    const aim = sampled.aims[at] ?? predicted;
    for (let i = 0; i < predicted.length; i += 1) {
      const other = added?.[i] ?? 0;
      const whole = (predicted[i] ?? 0) + (bias[i % outputs] ?? 0) + other;
      const wanted = aim[i] ?? 0;
      const met =
        wanted <= low ? Math.min(whole, low) : wanted >= high ? Math.max(whole, high) : wanted;
      predicted[i] = met - other;
    }
    result.push(predicted);
  }
  return result;
}
