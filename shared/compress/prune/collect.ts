/** Runs source and pruned model side by side and keeps what a layer is fitted with. */
import type { RuntimeTensor } from '../../evaluate/tensor.ts';
import type { Model } from '../../onnx/graph.ts';
import { openPrefix } from '../calibrate/prefix.ts';
import type { MixingLayer } from './layers.ts';
import type { Block } from './ridge.ts';
import { channelRows, patchRows, type Taken, takenOf } from './rows.ts';
import type { PruneRun } from './run.ts';
import { samples } from './samples.ts';
import type { FitTarget } from './target.ts';

export interface Sampled {
  readonly blocks: readonly Block[];
  /** What the source makes, block by block, rows × outputs. */
  readonly aims: readonly Float32Array[];
  /** What is added to the layer's output in the pruned model; null where nothing is. */
  readonly added: readonly Float32Array[] | null;
}

export interface CollectJob {
  /** Of the pruned model. */
  readonly layer: MixingLayer;
  readonly target: FitTarget;
  /** Channels of the source's value that the layer still makes. */
  readonly channels: readonly number[];
  readonly source: Model;
  readonly pruned: Model;
}

/** Samples that a block holds the rows of. */
const blockSamples = 8;

interface Part {
  readonly x: Float32Array;
  readonly aim: Float32Array;
  readonly added: Float32Array | null;
}

/**
 * For each group of the layer: all positions of a sample, or as many, evenly spread, as fit into
 * the memory.
 */
export async function collect(job: CollectJob, run: PruneRun): Promise<Sampled[]> {
  const { layer, target, channels } = job;
  const { groups } = layer.patches;
  const input = layer.node.inputs[0] ?? '';
  const needed = target.added === null ? [input] : [input, target.added];
  const [whole, pruned] = [
    await openPrefix(job.source, [target.value], run.threads),
    await openPrefix(job.pruned, needed, run.threads),
  ];
  const rowBytes = 4 * (groups * layer.columns + 2 * channels.length);
  const rowsMax = run.memoryBytes / rowBytes / run.limit;
  const parts: Part[][] = Array.from({ length: groups }, () => []);
  try {
    for await (const batch of samples(run)) {
      const own = await pruned.run(batch.feeds);
      const x = own[input];
      const aim = (await whole.run(batch.feeds))[target.value];
      const added = target.added === null ? null : own[target.added];
      if (!x || !aim || added === undefined) continue;
      const most = Math.max(1, Math.floor((rowsMax * batch.count) / batch.views));
      const taken = takenOf(layer.patches.count(x), most);
      parts.forEach((list, group) => {
        list.push(partOf(job, { x, aim, added, taken, group }));
      });
    }
  } finally {
    await whole.release();
    await pruned.release();
  }
  return parts.map((list) => joined(list, layer.columns));
}

function partOf(
  { layer, channels }: CollectJob,
  {
    x,
    aim,
    added,
    taken,
    group,
  }: {
    readonly x: RuntimeTensor;
    readonly aim: RuntimeTensor;
    readonly added: RuntimeTensor | null;
    readonly taken: Taken;
    readonly group: number;
  },
): Part {
  const last = layer.node.op === 'MatMul';
  const count = channels.length / layer.patches.groups;
  const [from, to] = [group * count, (group + 1) * count];
  const kept = Array.from({ length: count }, (_, at) => from + at);
  return {
    x: patchRows(layer.patches, x, { taken, group }),
    aim: channelRows(aim, taken, { channels: channels.slice(from, to), last }),
    added: added && channelRows(added, taken, { channels: kept, last }),
  };
}

function joined(parts: readonly Part[], columns: number): Sampled {
  const blocks: Block[] = [];
  const aims: Float32Array[] = [];
  const added: Float32Array[] = [];
  for (let from = 0; from < parts.length; from += blockSamples) {
    const some = parts.slice(from, from + blockSamples);
    const x = concatenated(some.map((part) => part.x));
    blocks.push({ x, rows: x.length / columns });
    aims.push(concatenated(some.map((part) => part.aim)));
    added.push(concatenated(some.flatMap((part) => part.added ?? [])));
  }
  return { blocks, aims, added: parts[0]?.added ? added : null };
}

function concatenated(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
