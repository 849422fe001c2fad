/** A model's variants as points: how many bytes, how good. */
import type { ModelRecord, VariantRecord } from '../../../shared/protocol/api.ts';
import { edgeOf, type FrontInput, type FrontPoint } from '../parts/front-layout.ts';
import { worthOf } from '../parts/worth.ts';

export interface VariantPoints extends FrontInput {
  readonly metric: string;
}

/** Null where quality was not measured. The source is point -1, a variant its index. */
export function variantPoints(
  model: ModelRecord,
  variants: readonly VariantRecord[],
): VariantPoints | null {
  const source = model.quality;
  if (source === null) return null;
  const built = variants.flatMap((variant, index): FrontPoint[] => {
    if (variant.bytes === null || variant.quality === null || variant.recipe.source) return [];
    const worth = worthOf(variant.quality);
    return [{ id: index, cost: variant.bytes, worth, part: 'behind', name: variant.recipeName }];
  });
  const all: FrontPoint[] = [
    { id: -1, cost: model.bytes, worth: worthOf(source), part: 'behind', name: 'source' },
    ...built,
  ];
  const edge = new Set(edgeOf(all).map((point) => point.id));
  const points = all.map(
    (point): FrontPoint => (edge.has(point.id) ? { ...point, part: 'front' } : point),
  );
  const { maxDrop } = model.manifest.quality ?? { maxDrop: null };
  const floor = maxDrop === null ? null : worthOf(source) - maxDrop;
  return { points, floor, bytes: true, metric: source.metric };
}
