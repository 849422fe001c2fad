/** Convolution and pooling (onnx/defs/nn/defs.cc, `convPoolShapeInference`). */
import { intOf, intsOf, textOf } from '../attributes.ts';
import type { Dimension, ElementType, Node } from '../graph.ts';
import {
  type Dims,
  type Known,
  mapDims,
  mapSize,
  multiply,
  type Rule,
  type Site,
} from './known.ts';

/** Input and weights are found at other places in the quantized forms. */
export function convolution(places: { weight: number; type?: ElementType }): Rule {
  return (site) => {
    const x = site.input(0);
    const w = site.input(places.weight);
    const type = places.type ?? x.type;
    if (!x.dims || !w.dims) return [{ type, dims: null }];
    const kernel = intsOf(site.node, 'kernel_shape') ?? w.dims.slice(2);
    const spatial = windowed(site.node, x.dims.slice(2), kernel);
    return [{ type, dims: [x.dims[0] ?? null, w.dims[0] ?? null, ...spatial] }];
  };
}

export const pooling: Rule = (site) => {
  const { type, dims } = site.input(0);
  const kernel = intsOf(site.node, 'kernel_shape');
  const out =
    dims && kernel ? [...dims.slice(0, 2), ...windowed(site.node, dims.slice(2), kernel)] : null;
  const indices: Known = { type: 'int64', dims: out };
  return [{ type, dims: out }, indices];
};

export const globalPooling: Rule = ({ input }) => {
  const { type, dims } = input(0);
  return [{ type, dims: mapDims(dims, (size, axis) => (axis < 2 ? size : 1)) }];
};

/** `channels_last` keeps the channels behind (com.microsoft QLinearGlobalAveragePool). */
export const globalPoolingEitherLayout: Rule = (site) => {
  const { type, dims } = site.input(0);
  const channel = intOf(site.node, 'channels_last', 0) === 1 && dims ? dims.length - 1 : 1;
  const keeps = (axis: number) => axis === 0 || axis === channel;
  return [{ type, dims: mapDims(dims, (size, axis) => (keeps(axis) ? size : 1)) }];
};

function windowed(node: Node, spatial: Dims, kernel: Dims): Dimension[] {
  const strides = intsOf(node, 'strides') ?? [];
  const dilations = intsOf(node, 'dilations') ?? [];
  const pads = intsOf(node, 'pads') ?? [];
  const autoPad = textOf(node, 'auto_pad', 'NOTSET');
  const ceil = intOf(node, 'ceil_mode', 0) === 1;
  return spatial.map((size, axis) => {
    const stride = strides[axis] ?? 1;
    if (autoPad.startsWith('SAME')) return mapSize(size, (s) => Math.ceil(s / stride));
    const window = kernel[axis];
    if (typeof window !== 'number') return null;
    const extent = (window - 1) * (dilations[axis] ?? 1) + 1;
    const [head, tail] =
      autoPad === 'VALID' ? [0, 0] : [pads[axis] ?? 0, pads[axis + spatial.length] ?? 0];
    return mapSize(size, (s) => positions({ size: s, head, tail, extent, stride, ceil }));
  });
}

interface Window {
  readonly size: number;
  readonly head: number;
  readonly tail: number;
  readonly extent: number;
  readonly stride: number;
  readonly ceil: boolean;
}

function positions({ size, head, tail, extent, stride, ceil }: Window): number {
  const span = (size + head + tail - extent) / stride;
  if (!ceil) return Math.floor(span) + 1;
  const count = Math.ceil(span) + 1;
  // A last window that would start in the padding behind the input is left out.
  return (count - 1) * stride >= size + head ? count - 1 : count;
}

export const transposedConvolution: Rule = (site) => {
  const x = site.input(0);
  const w = site.input(1);
  if (!x.dims || !w.dims) return [{ type: x.type, dims: null }];
  const channels = multiply(w.dims[1] ?? null, intOf(site.node, 'group', 1));
  const spatial = x.dims
    .slice(2)
    .map((size, axis) => upsized(site, { size, axis, weight: w.dims }));
  return [{ type: x.type, dims: [x.dims[0] ?? null, channels, ...spatial] }];
};

function upsized(
  { node }: Site,
  { size, axis, weight }: { size: Dimension; axis: number; weight: Dims | null },
): Dimension {
  const given = intsOf(node, 'output_shape');
  if (given) return given.at(axis - ((weight?.length ?? 2) - 2)) ?? null;
  const kernel = intsOf(node, 'kernel_shape')?.[axis] ?? weight?.[axis + 2];
  if (typeof kernel !== 'number') return null;
  const stride = intsOf(node, 'strides')?.[axis] ?? 1;
  if (textOf(node, 'auto_pad', 'NOTSET').startsWith('SAME')) {
    return mapSize(size, (s) => s * stride);
  }
  const pads = intsOf(node, 'pads') ?? [];
  const padding = (pads[axis] ?? 0) + (pads[axis + pads.length / 2] ?? 0);
  const extent = (kernel - 1) * (intsOf(node, 'dilations')?.[axis] ?? 1) + 1;
  const extra = intsOf(node, 'output_padding')?.[axis] ?? 0;
  return mapSize(size, (s) => stride * (s - 1) + extra + extent - padding);
}
