import type { Model } from '../../onnx/graph.ts';
import type { MeasureOptions } from '../measure.ts';
import type { Recipe } from '../recipe.ts';
import type { MeasureRecord } from '../record.ts';

export async function measureNarrow(
  _canonical: Model,
  recipe: Recipe,
  options: MeasureOptions,
): Promise<MeasureRecord> {
  return {
    v: 1,
    model: options.source,
    recipe,
    samples: 0,
    ranges: {},
    biases: {},
    float: {},
    narrow: {},
    notes: [],
  };
}
