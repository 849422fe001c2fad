/** Measures what pruning needs: which units go, and the weights that make up for them. */

import { availableParallelism } from 'node:os';
import type { DataSet } from '../../evaluate/dataset.ts';
import { openProducts } from '../../linear/product.ts';
import type { Model } from '../../onnx/graph.ts';
import { own } from '../../own.ts';
import type { Progress } from '../../variants.ts';
import type { Recipe } from '../recipe.ts';
import type { PruneRecord } from '../record.ts';
import { withSparsity } from '../sparse/measure.ts';
import type { Rounding } from '../targets.ts';
import { textOf } from './apply.ts';
import { changedLayers } from './changed.ts';
import { chooseBlocks } from './choose-blocks.ts';
import { chooseUnits } from './choose-units.ts';
import { factorise } from './factorise.ts';
import { type FitJob, fitModel } from './fit.ts';
import { type Dependencies, dependenciesOf } from './groups.ts';
import { fittedLayers } from './layers.ts';
import { layersBeforeMeans } from './means.ts';
import { removeUnits } from './remove.ts';
import type { Importance, PruneRun } from './run.ts';
import { type BlockNames, withoutBlocks } from './without-blocks.ts';

export interface PruneOptions {
  readonly dataSet: DataSet;
  readonly rounding: Rounding;
  /** How units are judged; by the error they leave where nothing is said. */
  readonly importance?: Importance;
  /** Whether the layers are fitted again; they are where nothing is said. */
  readonly fit?: boolean;
  /** Calibration samples at most. */
  readonly limit?: number;
  /** Rows that a layer is fitted with. */
  readonly memoryBytes?: number;
  readonly threads?: number;
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

const defaults = { limit: 256, memoryBytes: 256 * 2 ** 20 };

/** `canonical` is the model in canonical form; it is not changed. */
export async function measurePruning(
  source: Model,
  recipe: Pick<Recipe, 'keep' | 'blocks' | 'dropped' | 'ranks' | 'sparsity'>,
  options: PruneOptions,
): Promise<PruneRecord> {
  const canonical = layersBeforeMeans(source);
  const threads = options.threads ?? Math.min(4, availableParallelism());
  const products = await openProducts(threads);
  const run: PruneRun = {
    dataSet: options.dataSet,
    limit: Math.min(options.limit ?? defaults.limit, options.dataSet.samples),
    memoryBytes: options.memoryBytes ?? defaults.memoryBytes,
    ...{ threads, products, signal: options.signal, onProgress: options.onProgress },
    importance: options.importance ?? 'error',
    fit: options.fit ?? true,
  };
  try {
    const { names, model, weights } = await blocksGone(canonical, recipe, run);
    const { replaced: blocks, dropped } = names;
    const gone = { blocks: [...blocks], ...(dropped.length > 0 && { dropped: [...dropped] }) };
    const dependencies = dependenciesOf(model);
    const chosen = await chooseUnits(dependencies, recipe.keep, {
      run,
      rounding: options.rounding,
    });
    const whole = chosen.units.size === 0;
    const pruned = whole ? model : removeUnits(dependencies, chosen.units);
    const job = { source: canonical, pruned, kept: keptChannels(dependencies, chosen.units) };
    const fitted = whole ? weights : await refitted(job, run);
    const record = { ...gone, removed: chosen.removed, weights: fitted };
    const lower = recipe.ranks
      ? await withRanks(job, record, { ranks: recipe.ranks, run })
      : record;
    return await withSparsity(source, lower, { recipe, run });
  } finally {
    await products.release();
  }
}

/** The record with layers as two, fitted again with all behind them. */
async function withRanks(
  job: FitJob,
  record: PruneRecord,
  { ranks, run }: { ranks: NonNullable<Recipe['ranks']>; run: PruneRun },
): Promise<PruneRecord> {
  const { model, factors, seconds } = await factorise(job.pruned, ranks, run);
  const fitted = await refitted({ ...job, pruned: model }, run);
  const started = Object.fromEntries(
    [...seconds].map(([name, weights]) => [
      name,
      { weights: textOf(weights), bias: own(record.weights, name)?.bias ?? null },
    ]),
  );
  return {
    ...record,
    weights: { ...record.weights, ...started, ...fitted },
    factors: Object.fromEntries(
      factors.map(({ name, rank, first }) => [name, { rank, weights: textOf(first) }]),
    ),
  };
}

interface BlocksGone {
  readonly names: BlockNames;
  readonly model: Model;
  readonly weights: PruneRecord['weights'];
}

async function blocksGone(
  canonical: Model,
  asked: Pick<Recipe, 'blocks' | 'dropped'>,
  run: PruneRun,
): Promise<BlocksGone> {
  const names = await chooseBlocks(canonical, asked, run);
  if (names.replaced.length + names.dropped.length === 0) {
    return { names, model: canonical, weights: {} };
  }
  const model = withoutBlocks(canonical, names);
  const kept = keptChannels(dependenciesOf(model), new Set());
  const weights = await refitted({ source: canonical, pruned: model, kept }, run);
  return { names, model, weights };
}

/** Which channels each layer still makes, by layer name. */
function keptChannels(
  dependencies: Dependencies,
  units: ReadonlySet<number>,
): Map<string, number[]> {
  const layers = fittedLayers(dependencies.tracker.model, dependencies);
  return new Map(
    layers.map(({ node, outputs }) => [
      node.name,
      [...outputs.keys()].filter((at) => !units.has(outputs[at] ?? -1)),
    ]),
  );
}

/** Fits, in place, the layers of the pruned model whose inputs are not what they were. */
async function refitted(job: FitJob, run: PruneRun): Promise<PruneRecord['weights']> {
  if (!run.fit) return {};
  const changed = changedLayers(job.source, job.pruned);
  const kept = new Map([...job.kept].filter(([name]) => changed.has(name)));
  const fitted = await fitModel({ ...job, kept }, run);
  return Object.fromEntries(
    [...fitted].map(([name, { weights, bias }]) => [
      name,
      { weights: textOf(weights), bias: bias && textOf(bias) },
    ]),
  );
}
