/** Weights as signed integers with one scale per output channel, biases as int32 tied to them. */
import type { ActivationRange } from '../record.ts';
import { clamp, quantizerOf, roundToEven } from './numbers.ts';

export interface QuantizedLayer {
  /** Per output channel, float32 values. */
  readonly scales: Float64Array;
  readonly weights: Int8Array;
  /** Scale input·weights[c], zero 0; undefined where the layer has no bias. */
  readonly biases: Int32Array | undefined;
  readonly biasScales: Float64Array | undefined;
}

export interface LayerFloats {
  /** Output channels first: channel c owns `weights[c·n … (c+1)·n − 1]`. */
  readonly weights: Float64Array;
  readonly biases: Float64Array | undefined;
  readonly channels: number;
}

/** Largest |bias| in steps: int32 without its last 0.01 %, so that sums have room. */
const biasLimit = (2 ** 31 - 1) / 1.0001;

/** A channel of nothing but zeros still needs a scale; below this it is taken for one. */
const smallestScale = 2 ** -100;

/**
 * Quantizes the weights of channel c to ±`mostOf(c)` (127; less where the kernel saturates). A
 * scale so small that the bias would overflow int32 is enlarged (the guard of onnxruntime's
 * qdq_quantizer.py, `_adjust_weight_scale_for_int32_bias`; without it a channel of tiny weights
 * ruins the layer).
 */
export function quantizeLayer(
  layer: LayerFloats,
  input: { readonly scale: number },
  mostOf: (channel: number) => number,
): QuantizedLayer {
  const { channels, weights, biases } = layer;
  const size = weights.length / channels;
  const scales = new Float64Array(channels);
  const integers = new Int8Array(weights.length);
  const biasIntegers = biases && new Int32Array(channels);
  const biasScales = biases && new Float64Array(channels);
  for (let c = 0; c < channels; c += 1) {
    const most = mostOf(c);
    const own = weights.subarray(c * size, (c + 1) * size);
    const bias = biases?.[c] ?? 0;
    const scale = channelScale(own, { bias, inputScale: input.scale, most });
    scales[c] = scale;
    for (let i = 0; i < size; i += 1) {
      integers[c * size + i] = clamp(roundToEven((own[i] ?? 0) / scale), -most, most);
    }
    const step = Math.fround(input.scale * scale);
    if (biasScales) biasScales[c] = step;
    if (biasIntegers) biasIntegers[c] = clamp(roundToEven(bias / step), -(2 ** 31), 2 ** 31 - 1);
  }
  return { scales, weights: integers, biases: biasIntegers, biasScales };
}

function channelScale(
  own: Float64Array,
  { bias, inputScale, most }: { bias: number; inputScale: number; most: number },
): number {
  let peak = 0;
  for (const value of own) peak = Math.max(peak, Math.abs(value));
  const wanted = peak / most;
  const needed = Math.abs(bias) / (inputScale * biasLimit);
  return Math.fround(Math.max(wanted, needed, smallestScale));
}

/** A constant operand with one scale for all of it, as bytes from `low` to `low` + 255. */
export function quantizeTensor(
  values: Float64Array,
  low: number,
): { scale: number; zero: number; integers: Float64Array } {
  const range: ActivationRange = {
    min: values.reduce((least, value) => Math.min(least, value), 0),
    max: values.reduce((most, value) => Math.max(most, value), 0),
  };
  const { scale, zero } = quantizerOf(range, { low, high: low + 255, symmetric: false });
  const integers = values.map((x) => clamp(roundToEven(x / scale) + zero, low, low + 255));
  return { scale, zero, integers };
}
