/**
 * Measures how to round each layer, one after the other in the order of computing: each sees its
 * inputs as the rounded layers before it give them. Samples pass by once a layer; no activations
 * are kept.
 */
import { availableParallelism } from 'node:os';
import { batches } from '../../evaluate/dataset.ts';
import { openSession, type Session } from '../../evaluate/runtime.ts';
import type { RuntimeTensor, Tensors } from '../../evaluate/tensor.ts';
import { openProducts, type Products } from '../../linear/product.ts';
import { feeds, type Model } from '../../onnx/graph.ts';
import { writeModel } from '../../onnx/write.ts';
import { makeNode } from '../attributes.ts';
import { valuesOf } from '../blockwise/blocks.ts';
import { targetOf } from '../build.ts';
import { pieceModel, pieceOf } from '../calibrate/pieces.ts';
import { copyModel } from '../canonical/copy.ts';
import type { MeasureOptions } from '../measure.ts';
import type { Recipe } from '../recipe.ts';
import type { MeasureRecord, NarrowWeights } from '../record.ts';
import { rewriterOf } from '../rewriter.ts';
import { floatsOf, floatTensor } from '../tensors.ts';
import { encodeWeights } from './encode.ts';
import { type Fitted, fitLayer } from './fit.ts';
import { type NarrowLayer, narrowLayers, transpose } from './layers.ts';
import { momentSums } from './moments.ts';
import { patchesOf } from './patches.ts';
import { type NarrowPlan, planOf } from './plan.ts';

/** Second moments take columns² numbers: 2304² are 42 MB. Wider layers are rounded to nearest. */
const columnsMax = 2304;
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
    for (const [at, job] of jobs.entries()) {
      options.signal.throwIfAborted();
      const fitted = await fitJob(job, run);
      if (!fitted) continue;
      const { name } = job.layer.node;
      narrow[name] = encodeWeights(fitted.blocks);
      const biased = takesBias(job);
      if (biased) biases[name] = fitted.bias;
      replace(rounded, job.layer, biased ? fitted : { ...fitted, bias: [] });
      const done = at + 1;
      options.onProgress?.({ what: 'rounding weights', done, total: jobs.length, unit: 'layers' });
    }
  } finally {
    await products.release();
  }
  const notes = [
    `${Object.keys(narrow).length} layers were rounded on ${limit} calibration samples, each behind those before it.`,
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

/** undefined where the layer's inputs cannot be looked at. */
async function fitJob(job: Job, run: Run): Promise<Fitted | undefined> {
  const { layer, plan } = job;
  const patches = patchesOf(layer);
  if (!patches || layer.columns > columnsMax) return undefined;
  const value = layer.node.inputs[0] ?? '';
  const perRun = Math.ceil(rowsWanted(layer.columns) / run.limit);
  const sums = momentSums(patches, perRun, run.products);
  const exact = await prefixOf(run.canonical, value, run.threads);
  const rounded = await prefixOf(run.rounded, value, run.threads);
  try {
    for await (const batch of batches(run.options.dataSet, { limit: run.limit })) {
      run.options.signal.throwIfAborted();
      const [x, seen] = [await exact.run(batch.feeds), await rounded.run(batch.feeds)];
      if (x && seen) await sums.add(x, seen);
    }
  } finally {
    await exact.release();
    await rounded.release();
  }
  return fitLayer(layer.weights, plan.shape, await sums.finish());
}

/** Enough for covariances of so many columns. */
function rowsWanted(columns: number): number {
  return Math.min(Math.max(8 * columns, 2048), 12_288);
}

interface Prefix {
  run(inputs: Readonly<Tensors>): Promise<RuntimeTensor | undefined>;
  release(): Promise<void>;
}

/** The part of the model that makes the value. */
async function prefixOf(model: Model, value: string, threads: number): Promise<Prefix> {
  const piece = pieceOf(model.graph, [value], new Set());
  if (piece.nodes.length === 0) {
    return { run: async (inputs) => inputs[value], release: async () => {} };
  }
  const part = pieceModel(model, piece, { outputs: [value], like: {} });
  const known = new Map(feeds(model.graph).map((input) => [input.name, input]));
  part.graph.inputs = part.graph.inputs.map((input) => known.get(input.name) ?? input);
  const session: Session = await openSession(writeModel(part), { threads });
  return {
    async run(inputs) {
      const wanted = piece.inputs.flatMap((name) => {
        const tensor = inputs[name];
        return tensor ? [[name, tensor] as const] : [];
      });
      return (await session.run(Object.fromEntries(wanted)))[value];
    },
    release: () => session.release(),
  };
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
