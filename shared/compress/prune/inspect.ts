/** What can be pruned of a model and what cannot, and why: its groups in canonical form. */
import type { Model } from '../../onnx/graph.ts';
import { canonicalise } from '../canonical/canonicalise.ts';
import { blocksOf } from './blocks.ts';
import { dependenciesOf } from './groups.ts';

export interface GroupVerdict {
  /** As a recipe's `keep` names it: its first layer. */
  readonly group: string;
  /** Layers whose output channels can only go together. */
  readonly layers: readonly string[];
  /** Channels that can only go together are one unit. */
  readonly units: number;
  /** Units that can go. */
  readonly prunable: number;
  /** Why some must stay, or why a plain ratio leaves the group alone; null where neither. */
  readonly reason: string | null;
}

/** In the order of the graph. */
export function inspectGroups(model: Model): GroupVerdict[] {
  return dependenciesOf(canonicalise(model).model).groups.map(
    ({ name, layers, units, free, reason, summed }) => ({
      group: name,
      layers: layers.map((layer) => layer.name),
      units: units.length,
      prunable: free.length,
      reason: reason ?? (summed ? summedReason : null),
    }),
  );
}

export interface BlockVerdict {
  /** As a recipe's `blocks` and `dropped` name it: the node that adds the shortcut. */
  readonly block: string;
  /** Whether it can also go altogether; one convolution can stand in for each. */
  readonly droppable: boolean;
}

/** In the order of the graph. */
export function inspectBlocks(model: Model): BlockVerdict[] {
  return blocksOf(canonicalise(model).model).map(({ name: block, droppable }) => ({
    block,
    droppable,
  }));
}

const summedReason = 'several layers are summed over it: only a recipe that names it prunes it';
