/**
 * Layers changed one after the other in the order of computing: each sees its inputs as the changed
 * layers before it give them. Samples pass by once a layer; no activations are kept.
 */
import { batches, type DataSet } from '../../evaluate/dataset.ts';
import type { Products } from '../../linear/product.ts';
import type { Model } from '../../onnx/graph.ts';
import type { Progress } from '../../variants.ts';
import { pieceOf } from '../calibrate/pieces.ts';
import { openPrefix } from '../calibrate/prefix.ts';
import type { NarrowLayer } from './layers.ts';
import { momentSums } from './moments.ts';
import { type Part, partOfPatches, type SeenPart } from './parts.ts';
import { patchesOf } from './patches.ts';

export interface LayerJob {
  /** Of the model that is changed. */
  readonly layer: NarrowLayer;
  /** Of its columns; undefined where it has too many. */
  readonly parts: readonly Part[] | undefined;
}

export interface Layerwise {
  /** The model as it was. */
  readonly exact: Model;
  /** A copy of it, changed under way. */
  readonly changed: Model;
  readonly dataSet: DataSet;
  /** Calibration samples at most. */
  readonly limit: number;
  readonly threads: number;
  readonly products: Products;
  readonly signal: AbortSignal;
  readonly what: string;
  /** Each layer is seen as if it alone were changed: `change` leaves the model as it is. */
  readonly alone?: boolean;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** `change` is to change the layer in place; layers whose inputs cannot be looked at are left. */
export async function layerwise<J extends LayerJob>(
  jobs: readonly J[],
  run: Layerwise,
  change: (job: J, parts: readonly SeenPart[]) => Promise<void>,
): Promise<void> {
  for (let left = jobs; left.length > 0; ) {
    run.signal.throwIfAborted();
    const pass = readyOf(left, run);
    for (const { job, parts } of await seenBy(pass, run)) await change(job, parts);
    left = left.filter((job) => !pass.includes(job));
    const done = jobs.length - left.length;
    run.onProgress?.({ what: run.what, done, total: jobs.length, unit: 'layers' });
  }
}

/** Numbers of second moments that are held at a time: 128 MB. */
const momentsMax = 16 * 2 ** 20;

/**
 * The layers whose inputs depend on no layer that is still to be changed, as many as memory holds.
 */
function readyOf<J extends LayerJob>(left: readonly J[], run: Layerwise): J[] {
  const pending = new Set(run.alone ? [] : left.map(({ layer }) => layer.node));
  const ready: J[] = [];
  let held = 0;
  for (const job of left) {
    const { node, columns } = job.layer;
    const { nodes } = pieceOf(run.changed.graph, [node.inputs[0] ?? ''], new Set());
    const numbers = 2 * columns * columns;
    if (nodes.some((before) => pending.has(before))) continue;
    if (ready.length > 0 && held + numbers > momentsMax) continue;
    ready.push(job);
    held += numbers;
  }
  // A graph in order always has a layer that is ready; the first one guards against any other.
  return ready.length > 0 ? ready : left.slice(0, 1);
}

async function seenBy<J extends LayerJob>(
  jobs: readonly J[],
  run: Layerwise,
): Promise<{ job: J; parts: SeenPart[] }[]> {
  const watched = jobs.flatMap((job) => {
    const patches = patchesOf(job.layer);
    const { parts } = job;
    if (!patches || !parts || (parts.length > 1 && patches.groups > 1)) return [];
    const perRun = Math.ceil(rowsWanted(job.layer.columns) / run.limit);
    const sumsOf = (part: Part) => momentSums(partOfPatches(patches, part), perRun, run.products);
    return [{ job, parts: parts.map((part) => ({ ...part, sums: sumsOf(part) })) }];
  });
  if (watched.length === 0) return [];
  const values = [...new Set(watched.map(({ job }) => job.layer.node.inputs[0] ?? ''))];
  const exact = await openPrefix(run.exact, values, run.threads);
  const changed = await openPrefix(run.changed, values, run.threads);
  try {
    for await (const batch of batches(run.dataSet, { limit: run.limit })) {
      run.signal.throwIfAborted();
      const [x, seen] = [await exact.run(batch.feeds), await changed.run(batch.feeds)];
      for (const { job, parts } of watched) {
        const value = job.layer.node.inputs[0] ?? '';
        const [own, other] = [x[value], seen[value]];
        if (own && other) for (const { sums } of parts) await sums.add(own, other);
      }
    }
  } finally {
    await exact.release();
    await changed.release();
  }
  return watched;
}

/** Enough for covariances of so many columns. */
function rowsWanted(columns: number): number {
  return Math.min(Math.max(8 * columns, 2048), 12_288);
}
