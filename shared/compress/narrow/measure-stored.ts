/** Measures a recipe of 8-bit activations with weights stored in fewer bits. */

import type { Model } from '../../onnx/graph.ts';
import { emptyTable } from '../../own.ts';
import { type MeasureOptions, measure } from '../measure.ts';
import type { Recipe } from '../recipe.ts';
import type { MeasureRecord, NarrowWeights } from '../record.ts';
import { encodeWeights } from './encode.ts';
import { limitOf, type NarrowJob, roundedNote, roundLayers } from './measure.ts';
import { type StoredLayer, storedLayers } from './stored.ts';

/** Rounds the weights first, then calibrates the model that they make. */
export async function measureStored(
  canonical: Model,
  recipe: Recipe,
  options: MeasureOptions,
): Promise<MeasureRecord> {
  const narrow = emptyTable<NarrowWeights>();
  const model = await roundLayers(canonical, options, {
    jobsOf: (changed) => storedLayers(changed, recipe).map(jobOf),
    keep({ layer, takesBias }, { blocks, bias }) {
      narrow[layer.node.name] = { ...encodeWeights(blocks), ...(takesBias && { bias }) };
    },
  });
  const record = await measure(model, recipe, options);
  const note = roundedNote(Object.keys(narrow).length, limitOf(options));
  return { ...record, narrow, notes: [note, ...record.notes] };
}

function jobOf(stored: StoredLayer): NarrowJob {
  return { ...stored, takesBias: stored.layer.node.op === 'Conv' };
}
