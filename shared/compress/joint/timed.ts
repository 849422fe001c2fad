/** How long each changed model takes, in float and in 8 bits, side by side. */
import type { DataSet } from '../../evaluate/dataset.ts';
import type { Model } from '../../onnx/graph.ts';
import { writeModel } from '../../onnx/write.ts';
import type { Unit } from '../allocate/front.ts';
import { observeModel } from '../calibrate/observe.ts';
import { rangeOf } from '../calibrate/ranges.ts';
import { quantizeOptions } from '../measure.ts';
import type { TimeModels } from '../pays.ts';
import { computeLayers, quantizeModel, valuesToCalibrate } from '../quantize/quantize.ts';
import type { Recipe } from '../recipe.ts';
import type { ActivationRange } from '../record.ts';
import { layerNoises, type SensitivityOptions } from '../sensitivity.ts';
import { floatByTable } from '../stay-float.ts';
import { targetOf } from '../targets.ts';
import type { Change } from './changes.ts';
import { type Tried, unitsOf } from './units.ts';

export interface TimedOptions {
  /** Which layers are 8 bits wide where nothing else is changed. */
  readonly base: Recipe;
  readonly fit: DataSet;
  readonly judge: SensitivityOptions;
  readonly time: TimeModels;
}

/** Ranges only have to be plausible here: they do not change how long a kernel takes. */
const rangeSamples = 4;
/** Layers that are offered as float, those that disturb most. */
const floatLayers = 6;

export async function timedUnits(
  model: Model,
  tried: readonly Tried[],
  options: TimedOptions,
): Promise<Record<32 | 8, Unit<Change>[]>> {
  const { judge, time, base } = options;
  const plain = [model, ...tried.map((one) => one.model)];
  const float = plain.map(writeModel);
  const wide = unitsFrom(tried, float, await time(float));
  if (base.bits !== 8) return { 32: wide, 8: wide };
  const ranges = await rangesOf(model, options);
  const how = quantizeOptions(model, base, { float: tableOf(model, base), ranges, biases: {} });
  const noisy = (await layerNoises(model, how, judge)).slice(0, floatLayers);
  const narrow: Uint8Array[] = [];
  for (const one of plain) narrow.push(await quantized(one, base, options));
  for (const { name } of noisy) {
    const layers = { ...base.layers, [name]: 32 as const };
    narrow.push(await quantized(model, { ...base, layers }, options));
  }
  const times = await time(narrow);
  const pruning = unitsFrom(tried, narrow, times);
  const [baseMs = 0, baseBytes = 0] = [times[0], narrow[0]?.length];
  const bits = noisy.map(({ name, noise }, i): Unit<Change> => {
    const at = 1 + tried.length + i;
    const cost = {
      ms: (times[at] ?? baseMs) - baseMs,
      bytes: (narrow[at]?.length ?? 0) - baseBytes,
    };
    return {
      name: `bits of ${name}`,
      options: [
        { name: '8 bits', bytes: 0, ms: 0, loss: noise },
        { name: 'float', ...cost, loss: 0, float: name },
      ],
    };
  });
  return { 32: wide, 8: [...pruning, ...bits] };
}

function unitsFrom(
  tried: readonly Tried[],
  files: readonly Uint8Array[],
  times: readonly number[],
): Unit<Change>[] {
  const figures = files.map(({ length }, at) => ({ ms: times[at] ?? 0, bytes: length }));
  const [base = { ms: 0, bytes: 0 }, ...changed] = figures;
  return unitsOf(tried, base, changed);
}

async function quantized(model: Model, recipe: Recipe, options: TimedOptions): Promise<Uint8Array> {
  const ranges = await rangesOf(model, options);
  const how = quantizeOptions(model, recipe, { float: tableOf(model, recipe), ranges, biases: {} });
  return writeModel(quantizeModel(model, how).model);
}

function tableOf(model: Model, recipe: Recipe): Record<string, string> {
  return floatByTable(model.graph, targetOf(recipe), recipe.layers ?? {});
}

async function rangesOf(
  model: Model,
  { fit, judge }: TimedOptions,
): Promise<Record<string, ActivationRange>> {
  if (computeLayers(model).length === 0) return {};
  const { histograms } = await observeModel(model, {
    ...{ dataSet: fit, values: valuesToCalibrate(model), means: [], limit: rangeSamples },
    ...{ memoryBytes: Number.POSITIVE_INFINITY, threads: judge.threads, signal: judge.signal },
  });
  return Object.fromEntries(
    [...histograms].map(([value, histogram]) => [value, rangeOf(histogram, 'minmax')]),
  );
}
