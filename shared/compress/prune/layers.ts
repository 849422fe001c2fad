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
export function mixingLayers(model: Model, dependencies: Dependencies): MixingLayer[] {
  return fittedLayers(model, dependencies).filter(({ patches }) => patches.groups === 1);
}

/** Those and convolutions in groups, each of which is a least-squares problem by itself. */
export function fittedLayers(model: Model, { tracker }: Dependencies): MixingLayer[] {
  const { mixers, producers, identities, axes } = tracker;
  const inputs = new Map(mixers.map(({ node, axis }) => [node.name, axis.map(identities.root)]));
  const outputs = new Map(
    producers.map(({ node, axis }) => [node.name, axis.map(identities.root)]),
  );
  return narrowLayers(model).layers.flatMap((layer) => {
    const { name } = layer.node;
    const own = axes.get(layer.node.outputs[0] ?? '')?.[1]?.map(identities.root);
    const patches = patchesOf(layer);
    if (patches && patches.groups > 1 && own) {
      return [{ ...layer, patches, inputs: [], outputs: own, perInput: layer.columns }];
    }
    const [read, made] = [inputs.get(name), outputs.get(name)];
    if (!read || !made || !patches) return [];
    if (layer.columns > columnsMax || layer.columns % read.length !== 0) return [];
    const perInput = layer.columns / read.length;
    return [{ ...layer, patches, inputs: read, outputs: made, perInput }];
  });
}
