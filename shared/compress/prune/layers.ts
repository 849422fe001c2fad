/** Layers that mix channels, as matrices: which columns read a unit, which rows make it. */
import type { Model } from '../../onnx/graph.ts';
import { type NarrowLayer, narrowLayers } from '../narrow/layers.ts';
import { type Patches, patchesOf } from '../narrow/patches.ts';
import type { Dependencies } from './groups.ts';

export interface MixingLayer extends NarrowLayer {
  readonly patches: Patches;
  /** The unit that each input channel belongs to. */
  readonly inputs: readonly number[];
  /** Columns of one input channel. */
  readonly perInput: number;
  /** The unit that each output channel belongs to. */
  readonly outputs: readonly number[];
}

/** More columns than this make the normal equations too large: 2304² are 42 MB. */
export const columnsMax = 2304;

/** In the order of the graph; the model is the one that `dependencies` were found for. */
export function mixingLayers(model: Model, { tracker }: Dependencies): MixingLayer[] {
  const { mixers, producers, identities } = tracker;
  const inputs = new Map(mixers.map(({ node, axis }) => [node.name, axis.map(identities.root)]));
  const outputs = new Map(
    producers.map(({ node, axis }) => [node.name, axis.map(identities.root)]),
  );
  return narrowLayers(model).layers.flatMap((layer) => {
    const [read, made] = [inputs.get(layer.node.name), outputs.get(layer.node.name)];
    const patches = patchesOf(layer);
    if (!read || !made || !patches || patches.groups !== 1) return [];
    if (layer.columns > columnsMax || layer.columns % read.length !== 0) return [];
    const perInput = layer.columns / read.length;
    return [{ ...layer, patches, inputs: read, outputs: made, perInput }];
  });
}
