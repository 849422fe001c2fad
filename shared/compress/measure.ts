/** Measures what a build needs, over the calibration set: ranges, then corrections. */
import { availableParallelism } from 'node:os';
import type { Digest } from '../digest.ts';
import type { DataSet } from '../evaluate/dataset.ts';
import type { Model } from '../onnx/graph.ts';
import type { Progress } from '../variants.ts';
import { floatByRecipe, targetOf, wordBitsOf } from './build.ts';
import { correctBiases } from './calibrate/bias.ts';
import type { ValueHistogram } from './calibrate/histogram.ts';
import { type Observations, observeModel } from './calibrate/observe.ts';
import { type RangeRule, rangeOf } from './calibrate/ranges.ts';
import { chooseScales, equalize, jointsOf } from './equalize.ts';
import { powerRange } from './pow2/numbers.ts';
import {
  type QuantizeOptions,
  quantizeModel,
  valuesToCalibrate,
  weightedNodes,
} from './quantize/quantize.ts';
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

/** What is corrected where the recipe does not say. */
const defaultCorrections: NonNullable<Recipe['corrections']> = ['bias'];
const defaults = { limit: 512, memoryBytes: 64 * 2 ** 20 };

/** What the float model's activations are like; the same for every recipe of the model. */
export function observe(canonical: Model, options: MeasureOptions): Promise<Observations> {
  return observeModel(canonical, {
    ...limitsOf(options),
    values: valuesToCalibrate(canonical),
    channels: new Map(jointsOf(canonical).map(({ value, channels }) => [value, channels])),
    means: correctable(canonical).map(({ output }) => output),
  });
}

/** `canonical` is the model in canonical form, `options.source` the digest of its source. */
export async function measure(
  canonical: Model,
  recipe: Recipe,
  options: MeasureOptions & { readonly observed?: Observations },
): Promise<MeasureRecord> {
  const first = options.observed ?? (await observe(canonical, options));
  const corrections = recipe.corrections ?? defaultCorrections;
  const scales = corrections.includes('equalize') ? chooseScales(canonical, first.channels) : {};
  const equal = equalize(canonical, scales);
  const observed = equal === canonical ? first : await observe(equal, options);
  const float = floatByTable(canonical.graph, targetOf(recipe), recipe.layers ?? {});
  const ranges = rangesOf(observed, recipe);
  const means = meansByLayer(equal, observed);
  const zeros = Object.fromEntries([...means].map(([name, m]) => [name, Array.from(m, () => 0)]));
  const how = quantizeOptions(equal, recipe, { float, ranges, biases: zeros });
  const biases = corrections.includes('bias')
    ? await correctBiases(quantizeModel(equal, how).model, { ...limitsOf(options), means })
    : {};
  return {
    v: 1,
    model: options.source,
    recipe,
    samples: observed.samples,
    ranges,
    biases,
    ...(equal !== canonical && { equalize: scales }),
    float,
    notes: [`Calibrated with ${observed.samples} samples.`],
  };
}

/** How the recipe and what was measured quantize the model. */
export function quantizeOptions(
  canonical: Model,
  recipe: Recipe,
  measured: Pick<MeasureRecord, 'float' | 'ranges' | 'biases'>,
): QuantizeOptions {
  const float = { ...floatByRecipe(canonical, recipe), ...measured.float };
  return { target: targetOf(recipe), wordBits: wordBitsOf(recipe), ...measured, float };
}

function limitsOf(options: MeasureOptions) {
  const { limit = defaults.limit, memoryBytes = defaults.memoryBytes } = options;
  const threads = options.threads ?? Math.min(4, availableParallelism());
  return { ...options, limit, memoryBytes, threads };
}

function meansByLayer(canonical: Model, observed: Observations): Map<string, Float64Array> {
  const means = new Map<string, Float64Array>();
  for (const { name, output } of correctable(canonical)) {
    const mean = observed.means.get(output);
    if (mean) means.set(name, mean);
  }
  return means;
}

function rangesOf(observed: Observations, recipe: Recipe): Record<string, ActivationRange> {
  const rule = ruleOf(recipe);
  const chosen = (histogram: ValueHistogram) =>
    recipe.scheme === 'pow2' ? powerRange(histogram) : rangeOf(histogram, rule);
  return Object.fromEntries(
    [...observed.histograms].map(([value, histogram]) => [value, chosen(histogram)]),
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
