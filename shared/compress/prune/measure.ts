/** Measures what pruning needs: which units go, and the weights that make up for them. */
import { availableParallelism } from 'node:os';
import type { DataSet } from '../../evaluate/dataset.ts';
import { openProducts } from '../../linear/product.ts';
import type { Model } from '../../onnx/graph.ts';
import type { Progress } from '../../variants.ts';
import type { Recipe } from '../recipe.ts';
import type { PruneRecord } from '../record.ts';
import type { Rounding } from '../targets.ts';
import { textOf } from './apply.ts';
import { fitModel } from './fit.ts';
import { type Dependencies, dependenciesOf, type Group } from './groups.ts';
import { type MixingLayer, mixingLayers } from './layers.ts';
import { readersOf } from './moments.ts';
import { removeUnits } from './remove.ts';
import type { Importance, PruneRun } from './run.ts';
import { type Judged, mostRemoved, offeredGroups, removedCounts } from './select.ts';
import { removalOrder } from './surgeon.ts';

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
  canonical: Model,
  keep: Recipe['keep'],
  options: PruneOptions,
): Promise<PruneRecord> {
  const threads = options.threads ?? Math.min(4, availableParallelism());
  const products = await openProducts(threads);
  const run: PruneRun = {
    dataSet: options.dataSet,
    limit: Math.min(options.limit ?? defaults.limit, options.dataSet.samples),
    memoryBytes: options.memoryBytes ?? defaults.memoryBytes,
    ...{ threads, products, signal: options.signal, onProgress: options.onProgress },
    importance: options.importance ?? 'error',
  };
  try {
    const dependencies = dependenciesOf(canonical);
    const judged = await judgedGroups(dependencies, keep, { run, rounding: options.rounding });
    const ratio = typeof keep === 'number' ? keep : null;
    const counts = removedCounts(judged, ratio, options.rounding);
    const chosen = judged.map(({ group, order }, at) => ({
      group,
      units: order.units.slice(0, counts[at]),
    }));
    const units = new Set(chosen.flatMap((one) => one.units));
    const weights =
      (options.fit ?? true) && units.size > 0 ? await fittedWeights(dependencies, units, run) : {};
    return { removed: removedPlaces(chosen), weights };
  } finally {
    await products.release();
  }
}

async function judgedGroups(
  dependencies: Dependencies,
  keep: Recipe['keep'],
  { run, rounding }: { run: PruneRun; rounding: Rounding },
): Promise<Judged[]> {
  const { model } = dependencies.tracker;
  const layers = mixingLayers(model, dependencies);
  const readersByUnit = (units: readonly number[]) =>
    layers.filter(({ inputs }) => inputs.some((unit) => units.includes(unit)));
  // A group that no layer reads in a way that can be judged is left as it is.
  const offered = offeredGroups(dependencies.groups, keep).filter(
    ({ group }) => readersByUnit(group.units).length > 0,
  );
  const needed = new Set(offered.flatMap(({ group }) => readersByUnit(group.units)));
  const readers = await readersOf(model, [...needed], run);
  return offered.map((one) => {
    const { group } = one;
    const free = group.free.flatMap((at) => group.units[at] ?? []);
    const own = readersByUnit(group.units).flatMap(({ node }) => readers.get(node.name) ?? []);
    return { ...one, order: removalOrder(free, own, mostRemoved(group, rounding)) };
  });
}

async function fittedWeights(
  dependencies: Dependencies,
  units: ReadonlySet<number>,
  run: PruneRun,
): Promise<PruneRecord['weights']> {
  const source = dependencies.tracker.model;
  const layers = mixingLayers(source, dependencies);
  const changed = behindChanges(source, layers, units);
  const kept = new Map(
    changed.map(({ node, outputs }) => [
      node.name,
      [...outputs.keys()].filter((at) => !units.has(outputs[at] ?? -1)),
    ]),
  );
  const pruned = removeUnits(dependencies, units);
  const fitted = await fitModel({ source, pruned, kept }, run);
  return Object.fromEntries(
    [...fitted].map(([name, { weights, bias }]) => [
      name,
      { weights: textOf(weights), bias: bias && textOf(bias) },
    ]),
  );
}

/** Layers whose inputs are not what they were. */
function behindChanges(
  model: Model,
  layers: readonly MixingLayer[],
  units: ReadonlySet<number>,
): MixingLayer[] {
  const changedValues = new Set<string>();
  const byName = new Map(layers.map((layer) => [layer.node.name, layer]));
  const changed: MixingLayer[] = [];
  for (const node of model.graph.nodes) {
    const layer = byName.get(node.name);
    const loses = layer?.inputs.some((unit) => units.has(unit)) ?? false;
    if (!loses && !node.inputs.some((input) => changedValues.has(input))) continue;
    for (const output of node.outputs) changedValues.add(output);
    if (layer) changed.push(layer);
  }
  return changed;
}

function removedPlaces(
  chosen: readonly { readonly group: Group; readonly units: readonly number[] }[],
): PruneRecord['removed'] {
  return Object.fromEntries(
    chosen.flatMap(({ group, units }) =>
      units.length === 0
        ? []
        : [[group.name, units.map((unit) => group.units.indexOf(unit)).sort((a, b) => a - b)]],
    ),
  );
}
