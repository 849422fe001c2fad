/**
 * Measures how to round each layer, one after the other in the order of computing: each sees its
 * inputs as the rounded layers before it give them. Samples pass by once a layer; no activations
 * are kept.
 */
import { availableParallelism } from 'node:os';
import { batches } from '../../evaluate/dataset.ts';
import { openProducts, type Products } from '../../linear/product.ts';
import type { Graph, Model } from '../../onnx/graph.ts';
import { makeNode } from '../attributes.ts';
import { valuesOf } from '../blockwise/blocks.ts';
import { targetOf } from '../build.ts';
import { pieceOf } from '../calibrate/pieces.ts';
import { openPrefix } from '../calibrate/prefix.ts';
import { copyModel } from '../canonical/copy.ts';
import type { MeasureOptions } from '../measure.ts';
import type { Recipe } from '../recipe.ts';
import type { MeasureRecord, NarrowWeights } from '../record.ts';
import { rewriterOf } from '../rewriter.ts';
import { floatsOf, floatTensor } from '../tensors.ts';
import { encodeWeights } from './encode.ts';
import type { Fitted } from './fit.ts';
import { type NarrowLayer, narrowLayers, transpose } from './layers.ts';
import { momentSums } from './moments.ts';
import { fitParts, type Part, partOfPatches, partsOf } from './parts.ts';
import { patchesOf } from './patches.ts';
import { type NarrowPlan, planOf } from './plan.ts';

const defaultLimit = 128;

export async function measureNarrow(
  canonical: Model,
  recipe: Recipe,
  options: MeasureOptions,
): Promise<MeasureRecord> {
  const limit = Math.min(options.limit ?? defaultLimit, options.dataSet.samples);
  const threads = options.threads ?? Math.min(4, availableParallelism());
  const rounded = copyModel(canonical);
  const jobs = jobsOf(rounded, recipe);
  const products = await openProducts(threads);
  const narrow: Record<string, NarrowWeights> = {};
  const biases: Record<string, number[]> = {};
  const run: Run = { canonical, rounded, options, limit, threads, products };
  try {
    for (let left = jobs; left.length > 0; ) {
      options.signal.throwIfAborted();
      const pass = readyOf(left, rounded.graph);
      for (const { job, fitted } of await fitPass(pass, run)) {
        const { name } = job.layer.node;
        narrow[name] = encodeWeights(fitted.blocks);
        const biased = takesBias(job);
        if (biased) biases[name] = fitted.bias;
        replace(rounded, job.layer, biased ? fitted : { ...fitted, bias: [] });
      }
      left = left.filter((job) => !pass.includes(job));
      const done = jobs.length - left.length;
      options.onProgress?.({ what: 'rounding weights', done, total: jobs.length, unit: 'layers' });
    }
  } finally {
    await products.release();
  }
  const notes = [
    `${Object.keys(narrow).length} layers were rounded on ${limit} calibration samples, ` +
      'each behind those before it.',
  ];
  return {
    ...{ v: 1, model: options.source, recipe, samples: limit, ranges: {}, biases },
    ...{ float: {}, narrow, notes },
  };
}

interface Job {
  readonly layer: NarrowLayer;
  readonly plan: NarrowPlan & { kind: 'blocks' };
}

interface Run {
  readonly canonical: Model;
  /** The model with the layers so far rounded, in float. */
  readonly rounded: Model;
  readonly options: MeasureOptions;
  readonly limit: number;
  readonly threads: number;
  readonly products: Products;
}

function jobsOf(model: Model, recipe: Recipe): Job[] {
  const target = targetOf(recipe);
  return narrowLayers(model).layers.flatMap((layer) => {
    const bits = recipe.layers?.[layer.node.name] ?? recipe.bits;
    const plan = planOf(layer, bits, { recipe, target });
    return plan.kind === 'blocks' ? [{ layer, plan }] : [];
  });
}

function takesBias({ layer, plan }: Job): boolean {
  const { op } = layer.node;
  return op === 'Conv' || (plan.form !== 'unpack' && (op === 'Gemm' || op === 'MatMul'));
}

/** Numbers of second moments that are held at a time: 128 MB. */
const momentsMax = 16 * 2 ** 20;

/**
 * The layers whose inputs depend on no layer that is still to be rounded, as many as memory holds.
 */
function readyOf(left: readonly Job[], graph: Graph): Job[] {
  const pending = new Set(left.map(({ layer }) => layer.node));
  const ready: Job[] = [];
  let held = 0;
  for (const job of left) {
    const { node, columns } = job.layer;
    const { nodes } = pieceOf(graph, [node.inputs[0] ?? ''], new Set());
    const numbers = 2 * columns * columns;
    if (nodes.some((before) => pending.has(before))) continue;
    if (ready.length > 0 && held + numbers > momentsMax) continue;
    ready.push(job);
    held += numbers;
  }
  // A graph in order always has a layer that is ready; the first one guards against any other.
  return ready.length > 0 ? ready : left.slice(0, 1);
}

interface FittedJob {
  readonly job: Job;
  readonly fitted: Fitted;
}

/** Layers whose inputs cannot be looked at are left out. */
async function fitPass(jobs: readonly Job[], run: Run): Promise<FittedJob[]> {
  const watched = jobs.flatMap((job) => {
    const patches = patchesOf(job.layer);
    const parts = partsOf(job.plan.shape);
    if (!patches || !parts || (parts.length > 1 && patches.groups > 1)) return [];
    const perRun = Math.ceil(rowsWanted(job.layer.columns) / run.limit);
    const sumsOf = (part: Part) => momentSums(partOfPatches(patches, part), perRun, run.products);
    return [{ job, parts: parts.map((part) => ({ ...part, sums: sumsOf(part) })) }];
  });
  if (watched.length === 0) return [];
  const values = [...new Set(watched.map(({ job }) => job.layer.node.inputs[0] ?? ''))];
  const exact = await openPrefix(run.canonical, values, run.threads);
  const rounded = await openPrefix(run.rounded, values, run.threads);
  try {
    for await (const batch of batches(run.options.dataSet, { limit: run.limit })) {
      run.options.signal.throwIfAborted();
      const [x, seen] = [await exact.run(batch.feeds), await rounded.run(batch.feeds)];
      for (const { job, parts } of watched) {
        const value = job.layer.node.inputs[0] ?? '';
        const [own, other] = [x[value], seen[value]];
        if (own && other) for (const { sums } of parts) await sums.add(own, other);
      }
    }
  } finally {
    await exact.release();
    await rounded.release();
  }
  const fitted: FittedJob[] = [];
  for (const { job, parts } of watched) {
    fitted.push({ job, fitted: await fitParts(job.layer.weights, job.plan.shape, parts) });
  }
  return fitted;
}

/** Enough for covariances of so many columns. */
function rowsWanted(columns: number): number {
  return Math.min(Math.max(8 * columns, 2048), 12_288);
}

/** Puts the rounded weights and the bias into the model as floats. */
function replace(model: Model, layer: NarrowLayer, { blocks, bias }: Fitted): void {
  const rewriter = rewriterOf(model.graph);
  const { node, transposed, rows, dims } = layer;
  const values = valuesOf(blocks);
  const weights = transposed ? transpose(values, rows) : values;
  rewriter.setInput(node, 1, rewriter.addConstant('rounded', floatTensor(dims, weights)));
  if (bias.length === 0) return;
  if (node.op === 'MatMul') {
    addBehind(model, layer, bias);
    return;
  }
  const own = floatsOf(rewriter.constant(node.inputs[2]));
  const sums = bias.map((value, c) => value + (own?.[c] ?? 0));
  rewriter.setInput(node, 2, rewriter.addConstant('rounded', floatTensor([sums.length], sums)));
}

/** A MatMul has no bias of its own. */
function addBehind(model: Model, { node }: NarrowLayer, bias: readonly number[]): void {
  const rewriter = rewriterOf(model.graph);
  const [output = ''] = node.outputs;
  const raw = rewriter.fresh('rounded');
  rewriter.setOutput(node, 0, raw);
  const summand = rewriter.addConstant('rounded', floatTensor([bias.length], bias));
  rewriter.insertAfter(
    node,
    makeNode('Add', rewriter.fresh('rounded'), { inputs: [raw, summand], outputs: [output] }),
  );
}
