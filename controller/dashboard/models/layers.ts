/** The layers of a variant: how many have how many bits. */
import type { VariantRecord } from '../../../shared/protocol/api.ts';

type Layers = VariantRecord['layers'];

/** `14 × 8 bit`, `14 × 8 bit, 2 × 32 bit`: the most frequent first. */
export function layersLabel(layers: Layers): string {
  const groups = [...Map.groupBy(layers, (layer) => layer.bits)];
  return groups
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([bits, group]) => `${group.length} × ${bits}\u202fbit`)
    .join(', ');
}

/** What stayed wide, and why, is what one wants to read. */
export function widestFirst(layers: Layers): Layers {
  return layers.toSorted((a, b) => b.bits - a.bits);
}
