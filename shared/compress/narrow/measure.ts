/** Measures how to round each layer behind the rounded layers before it. */
import { availableParallelism } from 'node:os';
import { openProducts } from '../../linear/product.ts';
import type { Model } from '../../onnx/graph.ts';
import { makeNode } from '../attributes.ts';
import { valuesOf } from '../blockwise/blocks.ts';
import { targetOf } from '../build.ts';
import { copyModel } from '../canonical/copy.ts';
import type { MeasureOptions } from '../measure.ts';
import type { Recipe } from '../recipe.ts';
import type { MeasureRecord, NarrowWeights } from '../record.ts';
import { rewriterOf } from '../rewriter.ts';
import { floatsOf, floatTensor } from '../tensors.ts';
import { encodeWeights } from './encode.ts';
import type { Fitted } from './fit.ts';
import { type NarrowLayer, narrowLayers, transpose } from './layers.ts';
import { type LayerJob, type Layerwise, layerwise } from './layerwise.ts';
import { fitParts, partsOf } from './parts.ts';
import { type NarrowPlan, planOf } from './plan.ts';

const defaultLimit = 128;

export interface NarrowOptions extends MeasureOptions {
  /** Each layer as if it were the only one that is rounded. */
  readonly alone?: boolean;
}

export async function measureNarrow(
  canonical: Model,
  recipe: Recipe,
  options: NarrowOptions,
): Promise<MeasureRecord> {
  const limit = Math.min(options.limit ?? defaultLimit, options.dataSet.samples);
  const threads = options.threads ?? Math.min(4, availableParallelism());
  const rounded = copyModel(canonical);
  const jobs = jobsOf(rounded, recipe);
  const products = await openProducts(threads);
  const narrow: Record<string, NarrowWeights> = {};
  const biases: Record<string, number[]> = {};
  const { dataSet, signal, onProgress, alone = false } = options;
  const run: Layerwise = {
    ...{ exact: canonical, changed: rounded, dataSet, limit, threads, products, signal },
    ...{ what: 'rounding weights', alone, onProgress },
  };
  try {
    await layerwise(jobs, run, async (job, parts) => {
      const fitted = await fitParts(job.layer.weights, job.plan.shape, parts);
      const { name } = job.layer.node;
      narrow[name] = encodeWeights(fitted.blocks);
      const biased = takesBias(job);
      if (biased) biases[name] = fitted.bias;
      if (!alone) replace(rounded, job.layer, biased ? fitted : { ...fitted, bias: [] });
    });
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

interface Job extends LayerJob {
  readonly plan: NarrowPlan & { kind: 'blocks' };
}

function jobsOf(model: Model, recipe: Recipe): Job[] {
  const target = targetOf(recipe);
  return narrowLayers(model).layers.flatMap((layer) => {
    const bits = recipe.layers?.[layer.node.name] ?? recipe.bits;
    const plan = planOf(layer, bits, { recipe, target });
    return plan.kind === 'blocks' ? [{ layer, plan, parts: partsOf(plan.shape) }] : [];
  });
}

function takesBias({ layer, plan }: Job): boolean {
  const { op } = layer.node;
  return op === 'Conv' || (plan.form !== 'unpack' && (op === 'Gemm' || op === 'MatMul'));
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
