/**
 * What each group, block and layer could be, and what each such change alone saves and loses: time
 * by running all the models in turns, loss as noise over signal of the network's outputs on
 * samples held out, with the layers that read what changed fitted again.
 */

import type { DataSet } from '../../evaluate/dataset.ts';
import { openProducts } from '../../linear/product.ts';
import type { Model } from '../../onnx/graph.ts';
import { own as entryOf } from '../../own.ts';
import type { Progress } from '../../variants.ts';
import type { Unit } from '../allocate/front.ts';
import { narrowLayers } from '../narrow/layers.ts';
import { prunedModel } from '../prune/apply.ts';
import { type Block, blocksOf } from '../prune/blocks.ts';
import { retargetedLayers } from '../prune/changed.ts';
import { factorise } from '../prune/factorise.ts';
import { factorable } from '../prune/factors.ts';
import { fitModel } from '../prune/fit.ts';
import { dependenciesOf } from '../prune/groups.ts';
import { measurePruning } from '../prune/measure.ts';
import type { PruneRun } from '../prune/run.ts';
import { type BlockNames, withoutBlocks } from '../prune/without-blocks.ts';
import { outputNoises, type SensitivityOptions } from '../sensitivity.ts';
import type { Rounding } from '../targets.ts';
import type { Change } from './changes.ts';

export interface TryOptions {
  readonly fit: DataSet;
  readonly judge: SensitivityOptions;
  readonly rounding: Rounding;
  /** performance.now() after which no unit but the first is looked at. */
  readonly endMs: number;
}

/** One change to the float model, and what it loses. */
export interface Tried {
  readonly unit: string;
  readonly change: Pick<Change, 'keep' | 'block' | 'dropped' | 'rank' | 'float'>;
  /** The model with this change; that with none where the change is one of bits. */
  readonly model: Model;
  readonly loss: number;
}

const shares = [0.875, 0.75, 0.5];
/** Of the rank that a layer could have. */
const rankShares = [0.125, 0.25, 0.5];
/** Smaller layers take their time for being a node, of which there would be two. */
export const rankWeightsMin = 65_536;
/** Samples that a single change is fitted to. */
const fitSamples = 32;
/** A change that saves less than this share of the time cannot be told from one that does not. */
const leastGain = 0.005;

export async function tryChanges(model: Model, options: TryOptions): Promise<Tried[]> {
  const candidates = await candidatesOf(model, options);
  const changes = candidates.map((candidate) => () => candidate.model);
  const noises = await outputNoises(model, changes, options.judge);
  return candidates.map((candidate, at) => ({ ...candidate, loss: noises[at] ?? 0 }));
}

/** The changes by unit, those that save no time left out. `times` and `sizes` are of each. */
export function unitsOf(
  tried: readonly Tried[],
  base: { readonly ms: number; readonly bytes: number },
  figures: readonly { readonly ms: number; readonly bytes: number }[],
): Unit<Change>[] {
  const byUnit = Map.groupBy(tried.keys(), (at) => tried[at]?.unit ?? '');
  return [...byUnit].map(([name, places]) => ({
    name,
    options: [
      { name: 'as it is', bytes: 0, ms: 0, loss: 0 },
      ...places.flatMap((at): Change[] => {
        const [own, figure] = [tried[at], figures[at]];
        if (!own || !figure || base.ms - figure.ms < leastGain * base.ms) return [];
        const cost = { bytes: figure.bytes - base.bytes, ms: figure.ms - base.ms };
        return [{ name: `${name} ${at}`, ...cost, loss: own.loss, ...own.change }];
      }),
    ],
  }));
}

type Candidate = Omit<Tried, 'loss'>;

async function candidatesOf(model: Model, options: TryOptions): Promise<Candidate[]> {
  const { fit, judge } = options;
  const products = await openProducts(judge.threads);
  const run: PruneRun = {
    ...{ dataSet: fit, limit: Math.min(fitSamples, fit.samples), memoryBytes: 64 * 2 ** 20 },
    ...{ threads: judge.threads, products, signal: judge.signal, importance: 'error', fit: true },
  };
  const candidates: Candidate[] = [];
  const blocks = blocksOf(model);
  const groups = dependenciesOf(model).groups.filter(
    ({ free, summed }) => free.length > 1 && !summed,
  );
  // What is done to a layer and what is done to the block it is in exclude each other.
  const without = blocks.map(({ name }) => ({
    name,
    model: withoutBlocks(model, { replaced: [name], dropped: [] }),
  }));
  const unitOf = (layer: string) => without.find((one) => !has(one.model, layer))?.name ?? layer;
  const jobs = [
    ...blocks.map((block) => async () => blockCandidates(model, block, run)),
    ...groups.map(({ name: group }) => async () => {
      return groupCandidates(model, { group, unit: unitOf(group) }, { options, run });
    }),
    ...rankChoices(model, options.rounding).map(({ layer, rank }) => async () => {
      return rankCandidate(model, { layer, rank, unit: unitOf(layer) }, run);
    }),
  ];
  try {
    for (const [at, job] of jobs.entries()) {
      judge.signal.throwIfAborted();
      if (at > 0 && performance.now() > options.endMs) break;
      candidates.push(...(await job()));
      progress(judge, { what: 'trying changes one by one', done: at + 1, total: jobs.length });
    }
  } finally {
    await products.release();
  }
  return candidates;
}

async function blockCandidates(
  model: Model,
  { name, droppable }: Block,
  run: PruneRun,
): Promise<Candidate[]> {
  const without = async (names: BlockNames) => {
    const pruned = withoutBlocks(model, names);
    await fitModel({ source: model, pruned, kept: retargetedLayers(model, pruned) }, run);
    return pruned;
  };
  const replaced = await without({ replaced: [name], dropped: [] });
  const dropped = droppable ? await without({ replaced: [], dropped: [name] }) : null;
  return [
    { unit: name, change: { block: name }, model: replaced },
    ...(dropped ? [{ unit: name, change: { dropped: name }, model: dropped }] : []),
  ];
}

async function groupCandidates(
  model: Model,
  { group, unit }: { group: string; unit: string },
  { options, run }: { options: TryOptions; run: PruneRun },
): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  const seen = new Set<number>();
  for (const share of shares) {
    const recipe = { keep: { [group]: share } };
    const record = await measurePruning(model, recipe, {
      ...{ dataSet: run.dataSet, rounding: options.rounding, fit: false, limit: run.limit },
      ...{ threads: run.threads, signal: run.signal },
    });
    const gone = entryOf(record.removed, group)?.length ?? 0;
    if (gone === 0 || seen.has(gone)) continue;
    seen.add(gone);
    const pruned = prunedModel(model, record);
    await fitModel({ source: model, pruned, kept: readersOf(model, pruned) }, run);
    candidates.push({ unit, change: { keep: { group, share } }, model: pruned });
  }
  return candidates;
}

function rankChoices(model: Model, rounding: Rounding): { layer: string; rank: number }[] {
  return [...factorable(model)].flatMap(([layer, size]) => {
    const ranks = rankShares.flatMap((share) => payingRank(size, share, rounding) ?? []);
    return [...new Set(ranks)].map((rank) => ({ layer, rank }));
  });
}

/**
 * The rank of about that share of what a layer could have, if the layer is large and two of the
 * rank save at least a third of its products; else null.
 */
export function payingRank(
  { rows, columns }: { readonly rows: number; readonly columns: number },
  share: number,
  { channels }: Rounding,
): number | null {
  const rank = Math.round((share * Math.min(rows, columns)) / channels) * channels;
  const kept = Math.max(channels, rank);
  const saves = 3 * kept * (rows + columns) < 2 * rows * columns;
  return rows * columns >= rankWeightsMin && saves ? kept : null;
}

async function rankCandidate(
  model: Model,
  { layer, rank, unit }: { layer: string; rank: number; unit: string },
  run: PruneRun,
): Promise<Candidate[]> {
  const split = await factorise(model, { [layer]: rank }, run);
  const rows = factorable(model).get(layer)?.rows ?? 0;
  const kept = new Map([[layer, Array.from({ length: rows }, (_, at) => at)]]);
  await fitModel({ source: model, pruned: split.model, kept }, run);
  return [{ unit, change: { rank: { layer, rank } }, model: split.model }];
}

/** Layers with fewer columns than they had, which make all that they made. */
function readersOf(before: Model, after: Model): Map<string, number[]> {
  const had = new Map(narrowLayers(before).layers.map(({ node, columns }) => [node.name, columns]));
  return new Map(
    narrowLayers(after)
      .layers.filter(({ node, columns }) => columns !== had.get(node.name))
      .map(({ node, rows }) => [node.name, Array.from({ length: rows }, (_, at) => at)]),
  );
}

function has({ graph }: Model, name: string): boolean {
  return graph.nodes.some((node) => node.name === name);
}

function progress({ onProgress }: SensitivityOptions, at: Omit<Progress, 'unit'>): void {
  onProgress?.({ ...at, unit: 'steps' });
}
