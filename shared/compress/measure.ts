/** Measures what a build needs, over the calibration set: ranges, then corrections. */
import { availableParallelism } from 'node:os';
import type { Digest } from '../digest.ts';
import type { DataSet } from '../evaluate/dataset.ts';
import type { Model } from '../onnx/graph.ts';
import type { Progress } from '../variants.ts';
import { floatByRecipe, targetOf } from './build.ts';
import { correctBiases } from './calibrate/bias.ts';
import { type Observations, observeModel } from './calibrate/observe.ts';
import { type RangeRule, rangeOf } from './calibrate/ranges.ts';
import { quantizeModel, valuesToCalibrate, weightedNodes } from './quantize/quantize.ts';
import type { Recipe } from './recipe.ts';
import type { ActivationRange, MeasureRecord } from './record.ts';
import { rewriterOf } from './rewriter.ts';
import { floatByTable } from './stem.ts';

export interface MeasureOptions {
  readonly dataSet: DataSet;
  readonly source: Digest;
  /** Calibration samples at most. */
  readonly limit?: number;
  /** Activations held at a time. */
  readonly memoryBytes?: number;
  readonly threads?: number;
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

const defaults = { limit: 512, memoryBytes: 64 * 2 ** 20 };

/** `canonical` is the model in canonical form, `options.source` the digest of what it was made from. */
export async function measure(
  canonical: Model,
  recipe: Recipe,
  options: MeasureOptions,
): Promise<MeasureRecord> {
  const { limit = defaults.limit, memoryBytes = defaults.memoryBytes } = options;
  const threads = options.threads ?? Math.min(4, availableParallelism());
  const target = targetOf(recipe);
  const float = floatByTable(canonical.graph, target, recipe.layers ?? {});
  const run = { ...options, limit, memoryBytes, threads };
  const layers = correctable(canonical);
  const observed = await observeModel(canonical, {
    ...run,
    values: valuesToCalibrate(canonical),
    means: layers.map(({ output }) => output),
  });
  const ranges = rangesOf(observed, recipe);
  const means = new Map(
    layers.flatMap(({ name, output }) => {
      const mean = observed.means.get(output);
      return mean ? [[name, mean] as const] : [];
    }),
  );
  const zeros = Object.fromEntries([...means].map(([name, m]) => [name, Array.from(m, () => 0)]));
  const { model } = quantizeModel(canonical, {
    target,
    float: { ...floatByRecipe(canonical, recipe), ...float },
    ranges,
    biases: zeros,
  });
  const corrected = recipe.corrections?.includes('bias') ?? true;
  const biases = corrected ? await correctBiases(model, { ...run, means }) : {};
  return {
    v: 1,
    model: options.source,
    recipe,
    samples: observed.samples,
    ranges,
    biases,
    float,
    notes: [`Calibrated with ${observed.samples} samples.`],
  };
}

function rangesOf(observed: Observations, recipe: Recipe): Record<string, ActivationRange> {
  const rule = ruleOf(recipe);
  return Object.fromEntries(
    [...observed.histograms].map(([value, histogram]) => [value, rangeOf(histogram, rule)]),
  );
}

function ruleOf({ calibrator = 'auto' }: Recipe): RangeRule {
  return calibrator === 'auto' ? 'mse' : calibrator;
}

/** Layers with a bias to correct, and the value they give before any activation. */
function correctable(canonical: Model): { name: string; output: string }[] {
  return weightedNodes(rewriterOf(canonical.graph))
    .filter((node) => node.op === 'Conv' || node.op === 'Gemm')
    .map((node) => ({ name: node.name, output: node.outputs[0] ?? '' }));
}
