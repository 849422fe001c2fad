/** Measures what a build needs, over the calibration set: ranges, then corrections. */
import { availableParallelism } from 'node:os';
import type { Digest } from '../digest.ts';
import type { DataSet } from '../evaluate/dataset.ts';
import type { Selection } from '../evaluate/selection.ts';
import type { Model } from '../onnx/graph.ts';
import type { Progress } from '../variants.ts';
import { wordBitsOf } from './build.ts';
import { correctBiases } from './calibrate/bias.ts';
import type { ValueHistogram } from './calibrate/histogram.ts';
import { type Observations, observeModel } from './calibrate/observe.ts';
import { type RangeRule, rangeOf } from './calibrate/ranges.ts';
import { type Corrections, chooseCorrections } from './correct/choose.ts';
import { equalize } from './correct/equalize.ts';
import { jointChannels, jointsOf } from './correct/joints.ts';
import { chooseScales } from './correct/scales.ts';
import { powerRange } from './pow2/numbers.ts';
import {
  type QuantizeOptions,
  quantizeModel,
  valuesToCalibrate,
  weightedNodes,
} from './quantize/quantize.ts';
import { channelsToWatch, weightLimits } from './quantize/saturation.ts';
import { corrections as everyCorrection, type Recipe, storesNarrow } from './recipe.ts';
import type { ActivationRange, MeasureRecord } from './record.ts';
import { rewriterOf } from './rewriter.ts';
import { floatByRecipe, floatByTable } from './stay-float.ts';
import { targetOf } from './targets.ts';

export interface MeasureOptions extends Selection {
  readonly dataSet: DataSet;
  readonly source: Digest;
  /** Activations held at a time. */
  readonly memoryBytes?: number;
  readonly threads?: number;
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

const defaults = { limit: 512, memoryBytes: 64 * 2 ** 20 };

/**
 * What the float model's activations are like; the same for every recipe of the model, but that one
 * without corrections does not need the means.
 */
export function observe(
  canonical: Model,
  options: MeasureOptions,
  { corrects } = { corrects: true },
): Promise<Observations> {
  return observeModel(canonical, {
    ...limitsOf(options),
    values: valuesToCalibrate(canonical),
    channels: watchedChannels(canonical, corrects),
    means: corrects ? correctable(canonical).map(({ output }) => output) : [],
  });
}

/** `canonical` is the model in canonical form, `options.source` the digest of its source. */
export async function measure(
  canonical: Model,
  recipe: Recipe,
  options: MeasureOptions & { readonly observed?: Observations },
): Promise<MeasureRecord> {
  const { corrections } = recipe;
  if (corrections) return corrected(canonical, { ...recipe, corrections }, options);
  const choice = await choose(canonical, recipe, options);
  const chosen = { ...recipe, corrections: choice.corrections };
  const record = await corrected(canonical, chosen, options);
  return { ...record, recipe, notes: [...record.notes, ...choice.notes] };
}

/** The corrections that help on calibration samples that they were not measured on. */
async function choose(
  canonical: Model,
  recipe: Recipe,
  options: MeasureOptions,
): Promise<{ corrections: Corrections; notes: readonly string[] }> {
  // Blocks of stored weights span input channels, which equalization scales one by one.
  const equalizes = jointsOf(canonical).length > 0 && !storesNarrow(recipe);
  const possible = everyCorrection.filter((one) => equalizes || one !== 'equalize');
  let observed: Promise<Observations> | undefined;
  return chooseCorrections(canonical, {
    ...limitsOf(options),
    possible,
    async build(corrections, fit) {
      const selected = { ...options, ...fit };
      observed ??= observe(canonical, selected);
      const how = { ...selected, observed: await observed };
      const record = await corrected(canonical, { ...recipe, corrections }, how);
      const equal = equalize(canonical, record.equalize ?? {});
      return quantizeModel(equal, quantizeOptions(equal, recipe, record)).model;
    },
  });
}

/** What is measured with exactly these corrections. */
async function corrected(
  canonical: Model,
  recipe: Recipe & { readonly corrections: Corrections },
  options: MeasureOptions & { readonly observed?: Observations },
): Promise<MeasureRecord> {
  const { corrections } = recipe;
  const corrects = corrections.length > 0;
  const first = options.observed ?? (await observe(canonical, options, { corrects }));
  const scales = corrections.includes('equalize') ? chooseScales(canonical, first.channels) : {};
  const equal = equalize(canonical, scales);
  const observed = equal === canonical ? first : await observe(equal, options);
  const float = floatByTable(equal.graph, targetOf(recipe), recipe.layers ?? {});
  const ranges = rangesOf(equal, observed, recipe);
  const means = byLayer(equal, observed.means);
  const zeros = Object.fromEntries([...means].map(([name, m]) => [name, Array.from(m, () => 0)]));
  const plain = quantizeOptions(equal, recipe, { float, ranges, biases: zeros });
  const limits = limitsFor(equal, plain, observed);
  const how = { ...plain, limits };
  // Fixed point has no scales to match a deviation with.
  const spread = corrections.includes('statistics') && recipe.scheme !== 'pow2';
  const { biases, gains } = corrections.some((one) => one !== 'equalize')
    ? await correctBiases(quantizeModel(equal, how).model, {
        ...limitsOf(options),
        means,
        ...(spread && { squares: byLayer(equal, observed.squares) }),
      })
    : { biases: {}, gains: {} };
  return {
    v: 1,
    model: options.source,
    recipe,
    samples: observed.samples,
    ranges,
    biases,
    ...(spread && { gains }),
    ...(limits && { limits }),
    ...(equal !== canonical && { equalize: scales }),
    float,
    notes: [`Calibrated with ${observed.samples} samples.`],
  };
}

/** How the recipe and what was measured quantize the model. */
export function quantizeOptions(
  canonical: Model,
  recipe: Recipe,
  measured: Pick<MeasureRecord, 'float' | 'ranges' | 'biases' | 'gains' | 'limits'>,
): QuantizeOptions {
  const float = { ...floatByRecipe(canonical, recipe), ...measured.float };
  return { target: targetOf(recipe), wordBits: wordBitsOf(recipe), ...measured, float };
}

/** Values whose channels are looked at one by one, for saturation and for equalization. */
function watchedChannels(canonical: Model, corrects: boolean): Map<string, number> {
  const calibrated = new Set(valuesToCalibrate(canonical));
  const inputs = [...channelsToWatch(canonical)].filter(([value]) => calibrated.has(value));
  return new Map([...inputs, ...(corrects ? jointChannels(canonical) : [])]);
}

/** What a kernel that saturates allows weights to be; undefined for one that does not. */
function limitsFor(
  canonical: Model,
  how: QuantizeOptions,
  observed: Observations,
): Record<string, number[]> | undefined {
  if (!how.target.saturates) return undefined;
  const inputs = new Map(canonical.graph.nodes.map(({ name, inputs: [x = ''] }) => [name, x]));
  const quantized = quantizeModel(canonical, how).model;
  return weightLimits(quantized, (layer) => observed.channels.get(inputs.get(layer) ?? ''));
}

function limitsOf(options: MeasureOptions) {
  const { limit = defaults.limit, memoryBytes = defaults.memoryBytes } = options;
  const threads = options.threads ?? Math.min(4, availableParallelism());
  return { ...options, limit, memoryBytes, threads };
}

function byLayer(
  canonical: Model,
  values: ReadonlyMap<string, Float64Array>,
): Map<string, Float64Array> {
  return new Map(
    correctable(canonical).flatMap(({ name, output }) => {
      const own = values.get(output);
      return own ? [[name, own] as const] : [];
    }),
  );
}

function rangesOf(
  model: Model,
  observed: Observations,
  recipe: Recipe,
): Record<string, ActivationRange> {
  const rule = ruleOf(recipe);
  const chosen = (histogram: ValueHistogram) =>
    recipe.scheme === 'pow2' ? powerRange(histogram) : rangeOf(histogram, rule);
  const rewriter = rewriterOf(model.graph);
  return Object.fromEntries(
    [...observed.histograms].map(([value, histogram]) => {
      const { min, max } = chosen(histogram);
      const gate = rewriter.onlyConsumer(value)?.op === 'Sigmoid';
      return [
        value,
        gate ? { min: Math.max(min, -gateMax), max: Math.min(max, gateMax) } : { min, max },
      ];
    }),
  );
}

/** Beyond it a sigmoid is within a tenth of a step of 1/256 of its limit. */
const gateMax = 8;

function ruleOf({ calibrator = 'auto' }: Recipe): RangeRule {
  return calibrator === 'auto' ? 'mse' : calibrator;
}

/** Layers with a bias to correct, and the value they give before any activation. */
function correctable(canonical: Model): { name: string; output: string }[] {
  return weightedNodes(rewriterOf(canonical.graph))
    .filter((node) => node.op === 'Conv' || node.op === 'Gemm')
    .map((node) => ({ name: node.name, output: node.outputs[0] ?? '' }));
}
