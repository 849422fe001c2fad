/** Turns a canonical float model into one whose weights are stored in few bits. Pure. */

import type { Model } from '../../onnx/graph.ts';
import { own } from '../../own.ts';
import { type BlockWeights, roundToNearest } from '../blockwise/blocks.ts';
import { contextOf } from '../canonical/context.ts';
import { copyModel } from '../canonical/copy.ts';
import { dead } from '../canonical/dead.ts';
import { quantizableOpset } from '../canonical/opset.ts';
import { weightedNodes } from '../quantize/quantize.ts';
import type { BitWidth, Recipe } from '../recipe.ts';
import type { MeasureRecord } from '../record.ts';
import type { LayerReport } from '../report.ts';
import { rewriterOf } from '../rewriter.ts';
import type { Target } from '../targets.ts';
import { emitBias, emitBlocks, emitHalf, emitterOf } from './emit.ts';
import { decodeWeights } from './encode.ts';
import { type NarrowLayer, narrowLayers } from './layers.ts';
import { kernelBits, type NarrowPlan, planOf } from './plan.ts';

export interface NarrowOptions {
  readonly recipe: Recipe;
  readonly target: Target;
  /** null: every weight is rounded to the nearest level, as no data says what matters. */
  readonly record: Pick<MeasureRecord, 'narrow' | 'biases'> | null;
}

/** A new model; the given one, which must be canonical, is not changed. */
export function narrowModel(
  canonical: Model,
  options: NarrowOptions,
): { readonly model: Model; readonly layers: readonly LayerReport[] } {
  const model = copyModel(canonical);
  const { layers, refused } = narrowLayers(model);
  const byName = new Map(layers.map((layer) => [layer.node.name, layer]));
  const emitter = emitterOf(model);
  const supported = (model.opsets.get('') ?? 0) >= quantizableOpset;
  const reports = weightedNodes(rewriterOf(model.graph)).map((node): LayerReport => {
    const { name, op } = node;
    const layer = byName.get(name);
    const reason = supported ? refused.get(name) : `opset below ${quantizableOpset}`;
    if (!layer || reason !== undefined) {
      const why = reason ?? 'it has no weights';
      return { name, op, bits: 32, compute: 'float', reason: why };
    }
    const plan = planOf(layer, bitsOf(name, options), options);
    if (plan.kind === 'blocks') {
      emitBlocks(layer, { form: plan.form, blocks: weightsOf(layer, plan, options) }, emitter);
    } else if (plan.kind === 'half') emitHalf(layer, emitter);
    const added = own(options.record?.biases, name);
    if (plan.kind !== 'float' && added) emitBias(node, added, emitter);
    return { name, op, ...reportOf(plan) };
  });
  dead.apply(contextOf(model));
  return { model, layers: reports };
}

/** What measuring gave the layer, else what the recipe does. */
function bitsOf(name: string, { recipe, record }: NarrowOptions): BitWidth {
  return own(record?.narrow, name)?.bits ?? own(recipe.layers, name) ?? recipe.bits;
}

function weightsOf(
  layer: NarrowLayer,
  plan: NarrowPlan & { kind: 'blocks' },
  { record }: NarrowOptions,
): BlockWeights {
  const stored = own(record?.narrow, layer.node.name);
  return stored
    ? decodeWeights(stored, plan.shape, layer.node.name)
    : roundToNearest(layer.weights, plan.shape);
}

function reportOf(plan: NarrowPlan): Omit<LayerReport, 'name' | 'op'> {
  switch (plan.kind) {
    case 'float':
      return { bits: 32, compute: 'float', reason: plan.reason };
    case 'half':
      return { bits: 16, compute: 'float', saves: ['bytes'], reason: unpackedAtLoad };
    case 'blocks': {
      const { bits } = plan.shape;
      if (plan.form === 'unpack') {
        const reason = plan.reason ? `${plan.reason}; ${unpackedAtLoad}` : unpackedAtLoad;
        return { bits, compute: 'float', saves: ['bytes'], reason };
      }
      const reason =
        bits === kernelBits(bits)
          ? 'the kernel takes its weights packed'
          : `stored in ${bits} bits, widened at load to the kernel's ${kernelBits(bits)}`;
      return { bits, compute: 'integer', saves: ['bytes', 'memory', 'time'], reason };
    }
  }
}

const unpackedAtLoad = 'stored narrow, unpacked to float when the model is loaded';
