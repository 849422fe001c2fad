/** Measures which weights become zero and what the others are then: behind what pruning left. */
import type { Model } from '../../onnx/graph.ts';
import { copyModel } from '../canonical/copy.ts';
import { narrowLayers, transpose } from '../narrow/layers.ts';
import { type LayerJob, layerwise } from '../narrow/layerwise.ts';
import { partsOf, type SeenPart } from '../narrow/parts.ts';
import { prunedModel, textOf, writeWeights } from '../prune/apply.ts';
import type { PruneRun } from '../prune/run.ts';
import type { Recipe } from '../recipe.ts';
import type { PruneRecord } from '../record.ts';
import { rewriterOf } from '../rewriter.ts';
import { floatsOf } from '../tensors.ts';
import { type Sparse, type SparseJob, sparsify } from './fit.ts';
import { patternOf } from './pattern.ts';

/** Shorter rows (first layers, depthwise ones) hold few bytes and need every weight. */
const columnsMin = 32;

/** The record with the weights of layers that were made sparse, where the recipe asks for any. */
export async function withSparsity(
  canonical: Model,
  record: PruneRecord,
  { recipe, run }: { recipe: Pick<Recipe, 'sparsity'>; run: PruneRun },
): Promise<PruneRecord> {
  const pattern = recipe.sparsity ? patternOf(recipe.sparsity) : undefined;
  if (!pattern) return record;
  const exact = prunedModel(canonical, record);
  const changed = copyModel(exact);
  const weights = { ...record.weights };
  const zeros: Record<string, number> = {};
  const what = 'making weights zero';
  await layerwise(jobsOf(changed), { ...run, exact, changed, what }, async (job, parts) => {
    const { node, transposed, rows } = job.layer;
    const fitted = await sparsifyParts(job, parts, { pattern, products: run.products });
    const own = transposed ? transpose(fitted.weights, rows) : fitted.weights;
    const bias = biasOf(job, fitted.bias, changed);
    writeWeights(node, rewriterOf(changed.graph), { weights: own, bias });
    weights[node.name] = { weights: textOf(own), bias: bias && textOf(bias) };
    zeros[node.name] = own.filter((value) => value === 0).length / own.length;
  });
  return { ...record, weights, zeros };
}

function jobsOf(model: Model): LayerJob[] {
  return narrowLayers(model)
    .layers.filter(({ columns }) => columns >= columnsMin)
    .map((layer) => ({ layer, parts: partsOf({ columns: layer.columns, blockSize: 1 }) }));
}

async function sparsifyParts(
  { layer: { weights, rows, columns } }: LayerJob,
  parts: readonly SeenPart[],
  how: Pick<SparseJob, 'pattern' | 'products'>,
): Promise<Sparse> {
  const whole = Float64Array.from(weights);
  const bias = new Array<number>(rows).fill(0);
  for (const { from, to, sums } of parts) {
    const width = to - from;
    const own = new Float64Array(rows * width);
    for (let row = 0; row < rows; row += 1) {
      own.set(weights.subarray(row * columns + from, row * columns + to), row * width);
    }
    const moments = await sums.finish();
    const fitted = await sparsify(own, { rows, columns: width }, { ...how, moments });
    for (let row = 0; row < rows; row += 1) {
      whole.set(fitted.weights.subarray(row * width, (row + 1) * width), row * columns + from);
      bias[row] = (bias[row] ?? 0) + (fitted.bias[row] ?? 0);
    }
  }
  return { weights: whole, bias };
}

/** The layer's own bias with what is added; null for a layer that has none and takes none. */
function biasOf({ layer }: LayerJob, added: readonly number[], model: Model): number[] | null {
  const { node, form } = layer;
  const own = floatsOf(rewriterOf(model.graph).constant(node.inputs[2]));
  const takes = node.op === 'Conv' || (node.op === 'Gemm' && form === 'multiply');
  return takes ? added.map((value, c) => value + (own?.[c] ?? 0)) : null;
}
