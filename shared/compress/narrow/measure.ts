/** Measures how to round each layer behind the rounded layers before it. */

import { availableParallelism } from 'node:os';
import { digestOf } from '../../digest.ts';
import { openProducts } from '../../linear/product.ts';
import type { Model } from '../../onnx/graph.ts';
import { emptyTable, own as entryOf } from '../../own.ts';
import type { BlockShape, BlockWeights } from '../blockwise/blocks.ts';
import { copyModel } from '../canonical/copy.ts';
import type { MeasureOptions } from '../measure.ts';
import type { Recipe } from '../recipe.ts';
import type { MeasureRecord, NarrowWeights } from '../record.ts';
import { targetOf } from '../targets.ts';
import { encodeWeights } from './encode.ts';
import type { Fitted } from './fit.ts';
import { narrowLayers } from './layers.ts';
import { type LayerJob, type Layerwise, layerwise } from './layerwise.ts';
import { fitParts, partsOf } from './parts.ts';
import { planOf } from './plan.ts';
import { replaceWeights } from './replace.ts';

const defaultLimit = 128;

export interface NarrowOptions extends MeasureOptions {
  /** Each layer as if it were the only one that is rounded. */
  readonly alone?: boolean;
}

/** A layer to be rounded. */
export interface NarrowJob extends Pick<LayerJob, 'layer'> {
  readonly shape: BlockShape;
  /** Whether its bias can take what rounding shifts its mean by. */
  readonly takesBias: boolean;
}

/** Where activations stay float. */
export async function measureNarrow(
  canonical: Model,
  recipe: Recipe,
  options: NarrowOptions,
): Promise<MeasureRecord> {
  const narrow = emptyTable<NarrowWeights>();
  const biases = emptyTable<number[]>();
  const limit = limitOf(options);
  await roundLayers(canonical, options, {
    jobsOf: (model) => weightOnlyJobs(model, recipe),
    keep({ layer, takesBias }, { blocks, bias }) {
      narrow[layer.node.name] = encodeWeights(blocks);
      if (takesBias) biases[layer.node.name] = bias;
    },
  });
  const count = Object.keys(narrow).length;
  return {
    ...{ v: 1, model: options.source, recipe, samples: limit, ranges: {}, biases },
    ...{ float: {}, narrow, notes: count > 0 ? [roundedNote(count, limit)] : [] },
  };
}

export function roundedNote(layers: number, samples: number): string {
  return (
    `${layers} layers were rounded on ${samples} calibration samples, ` +
    'each behind those before it.'
  );
}

export function limitOf({ limit = defaultLimit, dataSet }: NarrowOptions): number {
  return Math.min(limit, dataSet.samples);
}

export interface Rounding {
  /** The layers of a model to be rounded. */
  jobsOf(model: Model): readonly NarrowJob[];
  /** Is told each layer that was. */
  keep(job: NarrowJob, fitted: Fitted): void;
}

/** The model with its layers rounded, one after the other. */
export async function roundLayers(
  canonical: Model,
  options: NarrowOptions,
  { jobsOf, keep }: Rounding,
): Promise<Model> {
  const threads = options.threads ?? Math.min(4, availableParallelism());
  const rounded = copyModel(canonical);
  const jobs = jobsOf(rounded).map((job) => ({ ...job, parts: partsOf(job.shape) }));
  const products = await openProducts(threads);
  const { dataSet, signal, onProgress, alone = false } = options;
  const run: Layerwise = {
    ...{ exact: canonical, changed: rounded, dataSet, limit: limitOf(options), threads, products },
    ...{ signal, what: 'rounding weights', alone, onProgress },
  };
  const rounding = new Map<string, BlockWeights>();
  try {
    await layerwise(jobs, run, async (job, parts) => {
      const { layer, shape } = job;
      const key = `${shape.bits} ${shape.blockSize} ${digestOf(bytesOf(layer.weights))}`;
      const shared = alone ? undefined : rounding.get(key);
      // Layers that share weights share them rounded; the first one's inputs decide.
      const own = shared ? { ...job, takesBias: false } : job;
      const fitted = shared
        ? { blocks: shared, bias: [] }
        : await fitParts(layer.weights, shape, parts);
      rounding.set(key, fitted.blocks);
      keep(own, fitted);
      const taken = own.takesBias ? fitted : { ...fitted, bias: [] };
      if (!alone) replaceWeights(rounded, layer, taken);
    });
  } finally {
    await products.release();
  }
  return rounded;
}

function bytesOf({ buffer, byteOffset, byteLength }: Float64Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function weightOnlyJobs(model: Model, recipe: Recipe): NarrowJob[] {
  const target = targetOf(recipe);
  return narrowLayers(model).layers.flatMap((layer) => {
    const bits = entryOf(recipe.layers, layer.node.name) ?? recipe.bits;
    const plan = planOf(layer, bits, { recipe, target });
    if (plan.kind !== 'blocks') return [];
    const { op } = layer.node;
    const own = plan.form !== 'unpack' && (op === 'Gemm' || op === 'MatMul');
    return [{ layer, shape: plan.shape, takesBias: op === 'Conv' || own }];
  });
}
